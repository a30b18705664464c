"""iMAML on losses that are linearised in the outputs: what it has in common with MAML, and not with iMAML."""

from dataclasses import replace

import pytest
import torch
from problems import OBSERVATION_SIZE, make_batch, make_params, make_policy, relative_error

from mamlrl.adaptation.build import AdaptationConfig, make_estimator
from mamlrl.adaptation.proximal import ProximalConfig
from mamlrl.errors import UserError
from mamlrl.losses.derivatives import task_gradients
from mamlrl.losses.linearized import linearize_in_outputs
from mamlrl.losses.policy_losses import Reinforce, Surrogate
from mamlrl.losses.task_losses import TaskLosses
from mamlrl.networks.categorical import Categorical
from mamlrl.networks.gaussian import DiagonalGaussian
from mamlrl.networks.mlp import MlpPolicy
from mamlrl.networks.module import ModulePolicy, seeded
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


def assert_same(ours, theirs):
    (phi, implicit, _), (expected, unrolled, _) = ours, theirs
    assert relative_error(phi, expected) < 1e-12
    v, u = torch.randn(phi.shape[1], dtype=torch.float64), torch.randn_like(phi)
    assert relative_error(implicit.pushforward(v), unrolled.pushforward(v)) < 1e-10
    assert relative_error(implicit.pullback(u), unrolled.pullback(u)) < 1e-10
    assert relative_error(implicit.pushforward(v), v.expand(TASKS, -1)) > 0.01


@pytest.mark.parametrize("loss", [Reinforce, Surrogate])
def test_without_an_implicit_part_it_is_maml(loss):
    policy = make_policy()
    params = make_params(policy)
    explicit = replace(LINEARIZED, proximal=replace(SOLVED, implicitness=0.0))
    assert_same(solve(explicit, policy, params, loss), solve(MAML, policy, params, loss))


@pytest.mark.parametrize("implicitness", [0.5, 1.0])
@pytest.mark.parametrize("loss", [Reinforce, Surrogate])
def test_of_outputs_that_are_linear_in_the_parameters_it_is_maml(loss, implicitness):
    policy = MlpPolicy(OBSERVATION_SIZE, DiagonalGaussian(2), (), "tanh")
    params = make_params(policy)
    config = replace(LINEARIZED, proximal=replace(SOLVED, implicitness=implicitness))
    assert_same(solve(config, policy, params, loss), solve(MAML, policy, params, loss))


def test_the_first_step_of_size_one_by_the_weight_is_mamls():
    policy = make_policy()
    params = make_params(policy)
    proximal = replace(SOLVED, optimizer="gradient_descent", implicitness=1.0)
    one_step = replace(LINEARIZED, gradient_steps=1, step_size=1 / WEIGHT, proximal=proximal)
    assert relative_error(solve(one_step, policy, params)[0], solve(MAML, policy, params)[0]) < 1e-12


def gradient_flow(losses, params, time, steps=10):
    """Runge-Kutta's method of fourth order."""
    h = time / steps
    for _ in range(steps):
        first = -task_gradients(losses, params)
        second = -task_gradients(losses, params + h / 2 * first)
        third = -task_gradients(losses, params + h / 2 * second)
        fourth = -task_gradients(losses, params + h * third)
        params = params + h / 6 * (first + 2 * second + 2 * third + fourth)
    return params


@pytest.mark.parametrize(("implicitness", "order"), [(0.0, 2), (0.5, 3), (1.0, 2)])
def test_of_a_loss_that_is_linear_in_the_outputs_it_follows_the_gradient_flow(implicitness, order):
    policy = make_policy()
    theta = make_params(policy).expand(TASKS, -1)
    batch = make_batch(policy, theta)
    losses = linearize_in_outputs(TaskLosses(policy, Reinforce(policy.distribution), batch), theta)
    errors = []
    for weight in (20.0, 40.0):
        config = replace(LINEARIZED, proximal=replace(SOLVED, weight=weight, implicitness=implicitness))
        phi = make_estimator(config, policy).adapt(theta[0], TASKS, lambda step, _: losses).phi
        errors.append(float((phi - gradient_flow(losses, theta, 1 / weight)).norm()))
    assert errors[0] / errors[1] == pytest.approx(2**order, rel=0.1)


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


class Head(torch.nn.Module):
    """Outputs of a hidden layer, the standard deviation among them where there is one."""

    def __init__(self, outputs):
        super().__init__()
        self.layers = torch.nn.Sequential(
            torch.nn.Linear(OBSERVATION_SIZE, 4), torch.nn.SiLU(), torch.nn.Linear(4, outputs)
        )

    def forward(self, observations):
        return 0.5 * self.layers(observations)


@pytest.mark.parametrize("implicitness", [0.5, 1.0])
@pytest.mark.parametrize(("distribution", "outputs"), [(DiagonalGaussian(2), 4), (Categorical(3), 3)], ids=str)
def test_the_derivative_is_that_of_the_minimum_where_deviations_depend_on_observations(
    distribution, outputs, implicitness
):
    with seeded(0):
        policy = ModulePolicy(Head(outputs), OBSERVATION_SIZE, distribution)
    params = make_params(policy)
    batch = make_batch(policy, params)
    inner = TaskLosses(policy, Reinforce(distribution), batch)
    proximal = replace(SOLVED, implicitness=implicitness, cg_iterations=policy.num_parameters)
    estimator = make_estimator(replace(LINEARIZED, proximal=proximal), policy)

    def adapt(theta):
        return estimator.adapt(theta, TASKS, lambda step, _: inner)

    v, u = torch.randn_like(params), torch.randn(TASKS, len(params), dtype=torch.float64)
    expected = (adapt(params + 1e-5 * v).phi - adapt(params - 1e-5 * v).phi) / 2e-5
    jacobian = estimator.linearize(adapt(params))
    pushed = jacobian.pushforward(v)
    assert relative_error(pushed, expected) < 1e-7
    assert float(jacobian.pullback(u) @ v) == pytest.approx(float((u * pushed).sum()))
