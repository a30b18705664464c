"""iMAML on losses that are linearised in the outputs: what it has in common with MAML, and not with iMAML."""

from dataclasses import replace

import pytest
import torch
from problems import OBSERVATION_SIZE, make_batch, make_params, make_policy, relative_error

from mamlrl.adaptation.build import AdaptationConfig, make_estimator
from mamlrl.adaptation.proximal import ProximalConfig
from mamlrl.errors import UserError
from mamlrl.losses.policy_losses import Reinforce, Surrogate
from mamlrl.losses.task_losses import TaskLosses
from mamlrl.networks.gaussian import DiagonalGaussian
from mamlrl.networks.mlp import MlpPolicy
from mamlrl.outer.objective import MetaObjective

TASKS = 3
WEIGHT = 2.0
MAML = AdaptationConfig("maml", step_size=1 / WEIGHT)
SOLVED = ProximalConfig(weight=WEIGHT, optimizer="newton_cg", cg_iterations=60, cg_tolerance=1e-26)
LINEARIZED = AdaptationConfig("linearized_imaml", gradient_steps=12, proximal=SOLVED)


@pytest.fixture(autouse=True)
def _seed():
    torch.manual_seed(0)


def solve(config, policy, params, loss=Reinforce):
    """Adapts on fixed data; returns parameters, their Jacobian, and the outer objective."""
    inner = TaskLosses(policy, loss(policy.distribution), make_batch(policy, params))
    estimator = make_estimator(config, policy)
    adaptation = estimator.adapt(params, TASKS, lambda step, _: inner)
    outer = TaskLosses(policy, Surrogate(policy.distribution), make_batch(policy, adaptation.phi, seed=5))
    return adaptation.phi, estimator.linearize(adaptation), MetaObjective(estimator, adaptation, outer)


@pytest.mark.parametrize("loss", [Reinforce, Surrogate])
def test_of_outputs_that_are_linear_in_the_parameters_it_is_maml(loss):
    policy = MlpPolicy(OBSERVATION_SIZE, DiagonalGaussian(2), (), "tanh")
    params = make_params(policy)
    (expected, unrolled, _), (phi, implicit, _) = (
        solve(config, policy, params, loss) for config in (MAML, LINEARIZED)
    )
    assert relative_error(phi, expected) < 1e-12
    v, u = torch.randn_like(params), torch.randn_like(phi)
    assert relative_error(implicit.pushforward(v), unrolled.pushforward(v)) < 1e-10
    assert relative_error(implicit.pullback(u), unrolled.pullback(u)) < 1e-10
    assert relative_error(implicit.pushforward(v), v.expand(TASKS, -1)) > 0.01


def test_the_first_step_of_size_one_by_the_weight_is_mamls():
    policy = make_policy()
    params = make_params(policy)
    one_step = replace(LINEARIZED, gradient_steps=1, step_size=1 / WEIGHT)
    one_step = replace(one_step, proximal=replace(SOLVED, optimizer="gradient_descent"))
    assert relative_error(solve(one_step, policy, params)[0], solve(MAML, policy, params)[0]) < 1e-12


def test_it_is_stiffly_held_mamls_step_and_derivative_to_second_order():
    policy = make_policy()
    params = make_params(policy)
    v = torch.randn_like(params)
    moves, changes = [], []
    for weight in (100.0, 200.0):
        unrolled = replace(MAML, step_size=1 / weight)
        implicit = replace(LINEARIZED, proximal=replace(SOLVED, weight=weight))
        (ours, jacobian, _), (mamls, other, _) = (solve(c, policy, params) for c in (implicit, unrolled))
        moves.append(float((ours - mamls).norm()))
        changes.append(float((jacobian.pushforward(v) - other.pushforward(v)).norm()))
    assert moves[0] / moves[1] == pytest.approx(4, rel=0.1)
    assert changes[0] / changes[1] == pytest.approx(4, rel=0.1)


def test_the_losss_own_negative_curvature_is_not_inverted():
    policy = MlpPolicy(OBSERVATION_SIZE, DiagonalGaussian(2), (), "tanh")
    params = make_params(policy)
    weak = ProximalConfig(weight=0.05, cg_iterations=40)
    for estimator, indefinite in [("imaml", True), ("linearized_imaml", False)]:
        _, _, objective = solve(AdaptationConfig(estimator, proximal=weak), policy, params, Surrogate)
        assert objective.gradient().isfinite().all()
        assert (objective.metrics()["proximal/negative_curvature"] > 0) == indefinite


def test_it_takes_the_losses_at_the_parameters_that_sampled_them_alone():
    assert not make_estimator(LINEARIZED, make_policy()).rule.revisits


def test_the_fisher_matrix_is_refused():
    config = replace(LINEARIZED, proximal=replace(SOLVED, curvature="fisher"))
    with pytest.raises(UserError, match=r"adaptation\.proximal\.curvature: fisher .*choose hessian"):
        make_estimator(config, make_policy())
