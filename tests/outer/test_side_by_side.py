"""Blocks of tasks in several threads: everything that the outer step takes is the same to the last bit."""

import threading

import pytest
import torch
from adapted_problems import INNER_LOOPS, TASKS, solve_problem
from marks import slow
from programs import TINY
from random_rollouts import make_rollouts

from mamlrl.experiments.command_line import CommandLine
from mamlrl.learners.policy import MetaLearner
from mamlrl.losses import derivatives
from mamlrl.losses.policy_losses import KlDivergence
from mamlrl.networks.mlp import MlpPolicy
from mamlrl.outer.trust_region import TrustRegion, TrustRegionConfig
from mamlrl.sampling import value_baseline
from mamlrl.sampling.advantages import AdvantageConfig, process
from mamlrl.timing import PhaseTimer


@pytest.fixture
def with_threads(monkeypatch):
    """Evaluates a function with blocks of one task and a number of threads."""
    monkeypatch.setattr(derivatives, "BLOCK_SAMPLES", 1)
    before = torch.get_num_threads()

    def evaluate(threads, function):
        torch.set_num_threads(threads)
        return function()

    yield evaluate
    torch.set_num_threads(before)


def outer_step(name, activation="tanh"):
    """The inner loop, the objective's derivatives, a line search and a whole step, as one list of tensors."""
    _, policy, params, adaptation, _, objective = solve_problem(name, steps=2, activation=activation)
    vector = torch.linspace(-1, 1, len(params), dtype=params.dtype)
    config = TrustRegionConfig(cg_iterations=3)
    step, metrics = TrustRegion(config, params).step(params, objective, PhaseTimer(params.device))
    numbers = [
        *objective.evaluate(params + 0.01 * vector),
        *metrics.values(),
        objective.inner_gradient(KlDivergence(policy.distribution))[0],
    ]
    products = [objective.gradient(), objective.curvature()(vector), objective.curvature(0.5)(vector)]
    return [adaptation.phi, *products, step, torch.tensor(numbers, dtype=torch.float64)]


def assert_same(with_threads, function):
    expected = with_threads(1, function)
    for threads in (2, 3):
        for found, single in zip(with_threads(threads, function), expected, strict=True):
            assert torch.equal(found, single)


OF_THE_SAME_CLASSES = ("imaml, learned weight", "imaml, biases", "linearized_imaml, implicit alone")  # as others
OTHERS = [name for name in INNER_LOOPS if name not in OF_THE_SAME_CLASSES]


@pytest.mark.parametrize("name", [*OTHERS, *slow(*OF_THE_SAME_CLASSES)])
def test_the_outer_step_of_every_inner_loop_is_the_same_with_any_number_of_threads(name, with_threads):
    assert_same(with_threads, lambda: outer_step(name))


def test_the_outer_step_of_a_module_is_the_same_with_any_number_of_threads(with_threads):
    assert_same(with_threads, lambda: outer_step("maml", "layer_norm"))


def test_value_baselines_are_the_same_with_any_number_of_threads(with_threads):
    rollouts = make_rollouts()

    def advantages():
        processed = process(rollouts, AdvantageConfig())
        return processed.batch.advantages, processed.explained_variance

    assert_same(with_threads, advantages)


def test_meta_iterations_are_the_same_with_any_number_of_threads(with_threads):
    line = CommandLine("program", "")
    line.parse([*TINY, "--policy.hidden_sizes=[200,200]", "--adaptation.learned_step_size=per_parameter"])

    def train():
        learner = MetaLearner(line.experiment())
        assert len(learner.params) > 2 * 2**15  # sums of so many numbers depend on PyTorch's own threads
        learner.step()
        return [learner.params]

    assert_same(with_threads, train)


@pytest.mark.parametrize("part", ["gradient", "curvature", "line search", "baseline"])
def test_every_part_runs_side_by_side(part, with_threads, monkeypatch):
    _, _, params, _, _, objective = solve_problem("maml")
    rollouts = make_rollouts()
    parts = {
        "gradient": objective.gradient,
        "curvature": lambda: objective.curvature()(params),
        "line search": lambda: objective.evaluate(params),
        "baseline": lambda: process(rollouts, AdvantageConfig()),
    }
    threads = set()

    def record(owner, name):
        original = getattr(owner, name)

        def recorded(*args):
            threads.add(threading.current_thread())
            return original(*args)

        monkeypatch.setattr(owner, name, recorded)

    record(MlpPolicy, "linearize")
    record(MlpPolicy, "bind")
    record(value_baseline, "fit_values")
    with_threads(TASKS, parts[part])
    assert threads
    assert threading.current_thread() not in threads
