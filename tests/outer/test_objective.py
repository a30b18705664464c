from dataclasses import replace

import pytest
import torch
from adapted_problems import EXACT, INNER_LOOPS, SCALES, TASKS, central_difference, solve_problem
from problems import make_batch, make_inner_losses, make_params, make_policy, relative_error

from mamlrl.adaptation.build import ESTIMATORS, AdaptationConfig, make_estimator
from mamlrl.adaptation.estimator import Adaptation
from mamlrl.losses.derivatives import FisherProduct, task_gradients
from mamlrl.losses.policy_losses import ClippedSurrogate, Surrogate
from mamlrl.losses.task_losses import TaskLosses
from mamlrl.outer.objective import MetaObjective

DIFFERENCES = [
    *[(name, steps, "tanh") for name in EXACT for steps in (1, 3)],
    *[(name, 1, "layer_norm") for name in ("maml", "imaml")],  # a module has the derivatives of any network
]
IDS = ["-".join(map(str, case)) for case in DIFFERENCES]


def test_every_estimator_is_among_the_inner_loops():
    assert {config.estimator for config in INNER_LOOPS.values()} == set(ESTIMATORS)


@pytest.fixture(autouse=True)
def _seed():
    torch.manual_seed(0)


def unrolled(adaptation, params, step_size=0.3):
    """MAML's adaptation as one differentiable function, task by task, by plain autograd."""
    adapted = []
    for task in range(TASKS):
        phi = params
        for update, scale in zip(adaptation.updates, SCALES, strict=False):
            one = update.losses.tasks(slice(task, task + 1))
            phi = phi - scale * step_size * torch.func.grad(lambda p, one=one: one(p[None])[0])(phi)
        adapted.append(phi)
    return torch.stack(adapted)


@pytest.mark.parametrize("name", ["maml", "first_order"])
def test_adaptation_is_plain_gradient_descent(name):
    _, _, params, adaptation, _, _ = solve_problem(name, steps=3)
    assert relative_error(adaptation.phi, unrolled(adaptation, params)) < 1e-12


@pytest.mark.parametrize("name", INNER_LOOPS)
def test_a_replayed_adaptation_is_the_same(name):
    estimator, _, params, adaptation, _, _ = solve_problem(name, steps=2)
    assert torch.equal(estimator.adapt(params, TASKS, adaptation.replay).phi, adaptation.phi)
    assert not torch.equal(adaptation.phi, adaptation.initial)


@pytest.mark.parametrize("name", INNER_LOOPS)
def test_pullback_is_the_transpose_of_pushforward(name):
    estimator, _, params, adaptation, _, _ = solve_problem(name, steps=3)
    jacobian = estimator.linearize(adaptation)
    v, u = torch.randn_like(params), torch.randn_like(adaptation.phi)
    torch.testing.assert_close((jacobian.pushforward(v) * u).sum(), jacobian.pullback(u) @ v)


@pytest.mark.parametrize("name", EXACT)
@pytest.mark.parametrize("steps", [1, 3])
def test_pushforward_is_the_derivative_of_the_adaptation(name, steps):
    estimator, _, params, adaptation, _, _ = solve_problem(name, steps)
    v = torch.randn_like(params) / len(params) ** 0.5
    expected = central_difference(lambda p: estimator.adapt(p, TASKS, adaptation.replay).phi, params, v)
    assert relative_error(estimator.linearize(adaptation).pushforward(v), expected) < 1e-7


def test_first_order_jacobian_is_the_identity():
    estimator, _, params, adaptation, _, _ = solve_problem("first_order", steps=2)
    jacobian = estimator.linearize(adaptation)
    v, u = torch.randn_like(params), torch.randn_like(adaptation.phi)
    assert torch.equal(jacobian.pushforward(v), v.expand(TASKS, -1))
    assert torch.equal(jacobian.pullback(u), u.sum(dim=0))


@pytest.mark.parametrize(
    ("name", "steps", "activation"),
    DIFFERENCES,
    ids=[f"{name}-{steps}-{activation}" for name, steps, activation in DIFFERENCES],
)
@pytest.mark.parametrize("discrete", [False, True], ids=["gaussian", "categorical"])
def test_meta_gradient_is_central_finite_differences(name, steps, discrete, activation):
    _, _, params, _, _, objective = solve_problem(name, steps, discrete, activation)
    directions = torch.randn(4, len(params), dtype=torch.float64)
    expected = [central_difference(lambda p: objective.evaluate(p)[0], params, v) for v in directions]
    assert relative_error(directions @ objective.gradient(), torch.tensor(expected, dtype=torch.float64)) < 1e-6


@pytest.mark.parametrize("steps", [1, 3])
@pytest.mark.parametrize("activation", ["relu", "tanh", "layer_norm"])
@pytest.mark.parametrize("discrete", [False, True], ids=["gaussian", "categorical"])
def test_curvature_is_the_explicit_hessian_of_the_mean_kl(steps, activation, discrete):
    _, policy, params, adaptation, batch, objective = solve_problem("maml", steps, discrete, activation)

    def mean_kl(theta):
        outputs = policy(unrolled(adaptation, theta), batch.observations)
        return (batch.weights * policy.distribution.kl(batch.outputs, outputs)).sum() / TASKS

    hessian = torch.func.hessian(mean_kl)(params)
    curvature = objective.curvature()
    product = torch.stack([curvature(e) for e in torch.eye(len(params), dtype=torch.float64)])
    assert relative_error(product, hessian) < 1e-8


@pytest.mark.parametrize("name", EXACT)
def test_curvature_is_the_second_difference_of_the_mean_kl(name):
    _, _, params, _, _, objective = solve_problem(name)
    v = torch.randn_like(params) / len(params) ** 0.5
    step = 1e-3
    ahead, behind = (objective.evaluate(params + sign * step * v)[1] for sign in (1, -1))
    assert float(v @ objective.curvature()(v)) == pytest.approx((ahead + behind) / step**2, rel=1e-4)


def test_ratio_is_one_and_kl_zero_at_the_old_parameters():
    _, _, params, _, batch, objective = solve_problem("maml")
    loss, kl = objective.evaluate(params)
    assert loss == pytest.approx(-float((batch.weights * batch.advantages).sum(dim=1).mean()), rel=1e-12)
    assert kl == pytest.approx(0.0, abs=1e-14)


def test_step_size_zero_is_plain_trpo():
    policy = make_policy()
    params = make_params(policy)
    estimator = make_estimator(AdaptationConfig(step_size=0.0), policy)
    (inner,) = make_inner_losses(policy, params, 1)
    adaptation = estimator.adapt(params, TASKS, lambda step, _: inner)
    losses = TaskLosses(policy, Surrogate(policy.distribution), make_batch(policy, params, seed=5))
    objective = MetaObjective(estimator, adaptation, losses)
    shared = params.expand(TASKS, -1)
    torch.testing.assert_close(objective.gradient(), task_gradients(losses, shared).mean(dim=0))
    v = torch.randn_like(params)
    fisher = FisherProduct(policy, shared, losses.batch)(v.expand(TASKS, -1)).mean(dim=0)
    torch.testing.assert_close(objective.curvature()(v), fisher)


@pytest.mark.parametrize("name", ["maml", "imaml"])
def test_curvature_on_a_fraction_is_the_curvature_of_the_subsampled_data(name):
    estimator, policy, params, adaptation, batch, objective = solve_problem(name)
    v = torch.randn_like(params)
    updates = tuple(replace(update, losses=update.losses.subsample(0.5)) for update in adaptation.updates)
    losses = TaskLosses(policy, Surrogate(policy.distribution), batch.subsample(0.5))
    expected = MetaObjective(estimator, Adaptation(adaptation.initial, updates), losses).curvature()(v)
    torch.testing.assert_close(objective.curvature(0.5)(v), expected)
    assert relative_error(expected, objective.curvature()(v)) > 1e-3


@pytest.mark.parametrize("name", ["maml", "maml, one learned step size", "imaml"])
def test_a_moved_objective_is_the_one_at_the_new_parameters(name):
    _, policy, params, _, _, objective = solve_problem(name, steps=2)
    moved = params + 0.01 * torch.randn_like(params)
    loss = ClippedSurrogate(policy.distribution, 0.02)
    there = objective.moved(moved, loss)
    assert there.evaluate(moved)[0] != objective.evaluate(moved)[0]
    v = torch.randn_like(params)
    expected = central_difference(lambda p: there.evaluate(p)[0], moved, v, step=1e-6)
    assert float(there.gradient() @ v) == pytest.approx(expected, rel=1e-5)
