from dataclasses import replace

import pytest
import torch
from problems import make_batch, make_inner_losses, make_params, make_policy, relative_error
from programs import TINY, deterministic_rows, run

from mamlrl.adaptation.build import ESTIMATORS, AdaptationConfig, make_estimator
from mamlrl.experiments.command_line import load_config
from mamlrl.experiments.policy import PolicyExperiment
from mamlrl.learners.policy import MetaLearner
from mamlrl.losses.policy_losses import Surrogate
from mamlrl.losses.task_losses import TaskLosses
from mamlrl.outer.adam import AdamConfig
from mamlrl.outer.build import OUTER_OPTIMIZERS
from mamlrl.outer.objective import MetaObjective
from mamlrl.outer.optimizer import make_outer_optimizer
from mamlrl.outer.promp import PrompConfig
from mamlrl.runs.checkpoints import load_checkpoint, save_checkpoint
from mamlrl.timing import PhaseTimer

TASKS, STEP_SIZE, RATE = 3, 0.3, 0.05
WITH_STATE = ["adam", "promp"]
IMAML = [
    "--adaptation.loss=likelihood_ratio",
    "--adaptation.proximal.weight=5",
    "--adaptation.proximal.cg_iterations=4",
]


@pytest.fixture
def timer():
    return PhaseTimer(torch.device("cpu"))


def make_objective(seed=0, steps=1):
    """A MAML objective, its parameters, and the data of it."""
    policy = make_policy()
    params = make_params(policy)
    estimator = make_estimator(AdaptationConfig(step_size=STEP_SIZE), policy, (1.0,) * steps)
    inner = make_inner_losses(policy, params, steps, seed=seed + 10)
    adaptation = estimator.adapt(params, TASKS, lambda step, _: inner[step])
    batch = make_batch(policy, adaptation.phi, seed=seed + 5)
    objective = MetaObjective(estimator, adaptation, TaskLosses(policy, Surrogate(policy.distribution), batch))
    return policy, params, objective, inner, batch


def make_optimizer(name, policy, **promp):
    config = PolicyExperiment(outer_optimizer=name, adam=AdamConfig(RATE), promp=PrompConfig(**promp))
    return make_outer_optimizer(config, policy.distribution, torch.zeros_like(make_params(policy)))


def by_hand(policy, inner, batch, clip, kl_weight):
    """ProMP's objective as one function of the meta-parameters, task by task, by plain autograd."""

    def objective(theta):
        total = 0.0
        for task in range(TASKS):
            one = slice(task, task + 1)
            phi = theta
            for losses in (each.tasks(one) for each in inner):
                before = policy(phi[None], losses.batch.observations)
                kl = policy.distribution.kl(losses.batch.outputs, before)
                total = total + kl_weight * (losses.batch.weights * kl).sum() / len(inner)
                phi = phi - STEP_SIZE * torch.func.grad(lambda p, losses=losses: losses(p[None])[0])(phi)
            data = batch.tasks(one)
            log_prob = policy.distribution.log_prob(policy(phi[None], data.observations), data.actions)
            ratio = (log_prob - policy.distribution.log_prob(data.outputs, data.actions)).exp()
            gain = torch.min(ratio * data.advantages, ratio.clamp(1 - clip, 1 + clip) * data.advantages)
            total = total - (data.weights * gain).sum()
        return total / TASKS

    return objective


def test_adam_is_pytorchs_on_the_meta_gradient(timer):
    policy, params, objective, _, _ = make_objective()
    optimizer = make_optimizer("adam", policy)
    expected = torch.nn.Parameter(params.clone())
    reference = torch.optim.Adam([expected], lr=RATE)
    for seed in range(3):
        objective = make_objective(seed)[2]
        params, metrics = optimizer.step(params, objective, timer)
        expected.grad = objective.gradient()
        reference.step()
        torch.testing.assert_close(params, expected.detach())
        assert metrics["gradient_norm/meta"] == pytest.approx(float(expected.grad.norm()))


@pytest.mark.parametrize("steps", [1, 2])
def test_promp_is_adam_on_its_objective_epoch_by_epoch(timer, steps):
    """From the second epoch on, ratios are clipped and the policies before adaptation have moved."""
    policy, params, objective, inner, batch = make_objective(steps=steps)
    optimizer = make_optimizer("promp", policy, epochs=4, clip=0.05, inner_kl_weight=0.7)
    function = by_hand(policy, inner, batch, clip=0.05, kl_weight=0.7)
    expected = torch.nn.Parameter(params.clone())
    reference = torch.optim.Adam([expected], lr=RATE)
    for _ in range(4):
        expected.grad = torch.func.grad(function)(expected.detach())
        reference.step()
    moved, metrics = optimizer.step(params, objective, timer)
    assert relative_error(moved - params, expected.detach() - params) < 1e-6
    assert metrics["kl/inner"] > 0
    assert metrics["kl"] > 0


def test_the_first_epoch_of_promp_is_maml_with_adam(timer):
    """Ratios are 1, and the divergence from itself has no gradient."""
    policy, params, objective, _, _ = make_objective()
    moved, metrics = make_optimizer("promp", policy, epochs=1).step(params, objective, timer)
    expected, _ = make_optimizer("adam", policy).step(params, objective, timer)
    torch.testing.assert_close(moved, expected)
    assert metrics["gradient_norm/meta"] == pytest.approx(float(objective.gradient().norm()))


def test_promp_stops_gaining_from_ratios_that_are_clipped(timer):
    divergences = []
    for clip in (0.01, 1.0):
        policy, params, objective, _, _ = make_objective()
        _, metrics = make_optimizer("promp", policy, epochs=15, clip=clip).step(params, objective, timer)
        divergences.append(metrics["kl"])
    assert divergences[0] < divergences[1] / 2


@pytest.mark.parametrize("name", WITH_STATE)
def test_moments_survive_a_checkpoint(name, timer, tmp_path):
    policy, params, _, _, _ = make_objective()
    straight = make_optimizer(name, policy)
    params, _ = straight.step(params, make_objective(0)[2], timer)
    path = tmp_path / "checkpoint.pt"
    save_checkpoint(path, PolicyExperiment(), {"params": params, "optimizer": straight.state_dict()})
    _, state = load_checkpoint(path)
    resumed = make_optimizer(name, policy)
    resumed.load_state_dict(state["optimizer"])
    fresh = make_optimizer(name, policy)
    outcomes = [each.step(params, make_objective(1)[2], timer)[0] for each in (straight, resumed, fresh)]
    assert torch.equal(outcomes[0], outcomes[1])
    assert not torch.equal(outcomes[0], outcomes[2])


@pytest.mark.parametrize("name", WITH_STATE)
def test_a_state_dict_does_not_change_afterwards(name, timer):
    policy, params, objective, _, _ = make_objective()
    optimizer = make_optimizer(name, policy)
    optimizer.step(params, objective, timer)
    state = optimizer.state_dict()
    before = {key: value.clone() for key, value in state.items()}
    optimizer.step(params, objective, timer)
    assert before.keys() == {"step", "exp_avg", "exp_avg_sq"}
    assert all(torch.equal(state[key], before[key]) for key in before)


def test_a_trust_region_has_no_state():
    optimizer = make_optimizer("trust_region", make_policy())
    assert optimizer.state_dict() == {}


@pytest.mark.parametrize("name", OUTER_OPTIMIZERS)
@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_every_pair_of_estimator_and_outer_optimizer_trains(name, estimator):
    options = [*TINY[1:], f"--outer_optimizer={name}", f"--adaptation.estimator={estimator}", *IMAML]
    learner = MetaLearner(load_config("navigation2d", options))
    before = learner.params.clone()
    rows = [learner.iterate() for _ in range(2)]
    assert rows[0].keys() == rows[1].keys()
    assert learner.params.isfinite().all()
    assert not torch.equal(learner.params, before)
    reported = {"proximal/cg_residual", "proximal/cg_products", "proximal/gradient_norm"}
    assert reported.issubset(rows[0]) == (estimator == "imaml")


@pytest.mark.parametrize("name", WITH_STATE)
def test_a_resumed_run_continues_bit_for_bit(name, tmp_path):
    options = [*TINY, f"--outer_optimizer={name}", "--adaptation.learned_step_size=per_layer"]
    assert run("train", *options, "--iterations=4", "--output", tmp_path / "whole") == 0
    assert run("train", *options, "--iterations=2", "--output", tmp_path / "halves") == 0
    assert run("train", "--output", tmp_path / "halves", "--resume", "--iterations=4") == 0
    assert deterministic_rows(tmp_path / "halves") == deterministic_rows(tmp_path / "whole")


def test_learned_step_sizes_are_reported_and_learned():
    options = [*TINY[1:], "--outer_optimizer=adam", "--adaptation.learned_step_size=per_parameter"]
    learner = MetaLearner(replace(load_config("navigation2d", options), adam=AdamConfig(RATE)))
    means = [learner.iterate()["step_size/mean"] for _ in range(2)]
    assert means[0] == pytest.approx(0.5)
    _, step_sizes = learner.estimator.split(learner.params)
    assert learner.iterate()["step_size/mean"] == pytest.approx(float(step_sizes.mean()))
    assert means[1] != means[0]
