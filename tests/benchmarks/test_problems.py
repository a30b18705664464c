"""Fixed data that several estimators compute the same meta-gradient on."""

from dataclasses import replace

import pytest
import torch
from comparisons import gradient, smooth
from problems import relative_error

from mamlrl.benchmarks.comparison import solve
from mamlrl.benchmarks.problems import comparable, sample_problem
from mamlrl.errors import UserError
from mamlrl.experiments.command_line import load_config
from mamlrl.learners.build import LEARNERS


def test_supervised_experiments_have_problems_too():
    options = ["--meta_batch_size=3", "--network.activation=tanh", "--adaptation.proximal.weight=20"]
    config = comparable(load_config("sinusoid", options))
    problem = sample_problem(config)
    assert problem.inner.batch.num_samples == config.data.shots
    assert problem.outer.batch.num_samples == config.data.queries
    reference = solve(problem, config.adaptation)
    errors = [relative_error(gradient(problem, config, "maml", n), reference.gradient) for n in (1, 200)]
    assert errors[1] < 1e-3 * errors[0]


def test_data_are_fixed_by_the_seed(config, problem):
    again = sample_problem(config)
    assert torch.equal(again.params, problem.params)
    assert torch.equal(again.outer.batch.observations, problem.outer.batch.observations)
    other = sample_problem(replace(config, seed=1))
    assert not torch.equal(other.inner.batch.observations, problem.inner.batch.observations)


@pytest.mark.parametrize("name", ["navigation2d", "sinusoid"])
def test_a_comparable_inner_loop_is_one_minimisation_on_fixed_data(name):
    config = load_config(name, ["--adaptation.steps=3", "--adaptation.proximal.weight=2"])
    changed = comparable(config)
    assert changed == replace(
        config.on_fixed_data(), adaptation=replace(config.on_fixed_data().adaptation, steps=1)
    )
    assert comparable(changed) == changed


@pytest.mark.parametrize(
    ("option", "message"),
    [
        ("--adaptation.learned_step_size=one", r"^adaptation\.learned_step_size: .*let it be fixed$"),
        ("--adaptation.proximal.learned=true", r"^adaptation\.proximal\.learned: .*let it be fixed$"),
        ("--adaptation.proximal.weight=0", r"^adaptation\.proximal\.weight: .*set a weight above 0$"),
    ],
)
@pytest.mark.parametrize("name", ["navigation2d", "sinusoid"])
def test_inner_loops_that_cannot_be_compared_are_refused(name, option, message):
    with pytest.raises(UserError, match=message):
        comparable(load_config(name, ["--adaptation.proximal.weight=2", option]))


def test_a_problem_is_at_the_meta_parameters_that_were_given(config, problem):
    params = 0.5 * problem.params.float()
    given = sample_problem(config, params)
    assert torch.equal(given.params, params.double())
    assert not torch.equal(given.inner.batch.actions, problem.inner.batch.actions)
    with pytest.raises(UserError, match=r"\(44,\)"):
        sample_problem(config, torch.zeros(7))


def test_all_of_a_problem_is_in_double_precision(config, problem):
    small = replace(config, sampling=replace(config.sampling, episodes_per_task=2))
    for each in (problem, sample_problem(small)):
        for losses in (each.inner, each.outer):
            pieces = [piece for piece in vars(losses.batch).values() if piece.is_floating_point()]
            assert {piece.dtype for piece in pieces} == {torch.float64}


def test_a_learner_without_meta_gradients_has_no_problem(monkeypatch):
    monkeypatch.setattr(LEARNERS, "_entries", {"policy": lambda config: object()})
    with pytest.raises(UserError, match=r"^kind: the learner of kind policy takes no meta-gradients$"):
        sample_problem(smooth())
