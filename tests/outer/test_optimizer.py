"""What holds for every outer optimizer."""

import pytest
import torch
from problems import make_objective, make_params, make_policy

from mamlrl.experiments.policy import PolicyExperiment
from mamlrl.outer.adam import AdamConfig
from mamlrl.outer.build import GRADIENT_OPTIMIZERS, OUTER_OPTIMIZERS
from mamlrl.outer.optimizer import GradientOptimizer
from mamlrl.runs.checkpoints import load_checkpoint, save_checkpoint
from mamlrl.timing import PhaseTimer

WITH_STATE = ["adam", "promp"]


@pytest.fixture
def timer():
    return PhaseTimer(torch.device("cpu"))


def make_optimizer(name, policy):
    experiment = PolicyExperiment(outer_optimizer=name, adam=AdamConfig(0.05))
    return OUTER_OPTIMIZERS[name](experiment, policy.distribution, torch.zeros_like(make_params(policy)))


def test_those_with_state_are_known():
    policy = make_policy()
    assert [name for name in OUTER_OPTIMIZERS if make_optimizer(name, policy).state_dict()] == WITH_STATE


@pytest.mark.parametrize("name", WITH_STATE)
def test_moments_survive_a_checkpoint(name, timer, tmp_path):
    policy, params, _, _, _ = make_objective()
    straight = make_optimizer(name, policy)
    params, _ = straight.step(params, make_objective(0)[2], timer)
    path = tmp_path / "checkpoint.pt"
    state = {"params": params, "iteration": 1, "optimizer": straight.state_dict()}
    save_checkpoint(path, PolicyExperiment(), state)
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


@pytest.mark.parametrize("name", OUTER_OPTIMIZERS)
def test_a_step_starts_from_theta_and_leaves_it_as_it_was(name, timer):
    policy, theta, objective, *_ = make_objective()
    before = theta.clone()
    after, metrics = make_optimizer(name, policy).step(theta, objective, timer)
    assert torch.equal(theta, before)
    assert after.shape == theta.shape
    assert not torch.equal(after, before)
    assert objective.evaluate(after)[0] < objective.evaluate(theta)[0]
    assert metrics["gradient_norm/meta"] == pytest.approx(float(objective.gradient().norm()))


@pytest.mark.parametrize("name", OUTER_OPTIMIZERS)
def test_those_that_need_no_policies_are_registered_as_such_and_descend_the_gradient(name, timer):
    policy, theta, objective, *_ = make_objective()
    stepping, descending = (make_optimizer(name, policy) for _ in range(2))
    assert isinstance(stepping, GradientOptimizer) == (name in GRADIENT_OPTIMIZERS)
    if name in GRADIENT_OPTIMIZERS:
        assert GRADIENT_OPTIMIZERS[name] is OUTER_OPTIMIZERS[name]
        after, _ = stepping.step(theta, objective, timer)
        assert torch.equal(after, descending.descend(theta, objective.gradient()))
