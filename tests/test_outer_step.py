import pytest
import torch
from problems import make_batch, make_inner_losses, make_params, make_policy, relative_error

from mamlrl.adaptation import ESTIMATORS, FirstOrderMaml, Maml
from mamlrl.linalg import FisherProduct, task_gradients
from mamlrl.losses import TaskLosses, surrogate
from mamlrl.outer_step import MetaObjective

TASKS = 3
EXACT = [name for name, estimator in ESTIMATORS.items() if estimator.exact]


def solve_problem(estimator, discrete=False, activation="tanh"):
    """Adapts on fixed data and makes the outer objective of the result."""
    policy = make_policy(discrete, activation)
    params = make_params(policy)
    losses = make_inner_losses(policy, params, steps=len(estimator.step_sizes))
    adaptation = estimator.adapt(params, TASKS, lambda step, _: losses[step])
    batch = make_batch(policy, adaptation.params, seed=5)
    return policy, params, adaptation, batch, MetaObjective(estimator, policy, adaptation, batch)


def unrolled(estimator, adaptation, params):
    """The adaptation as one differentiable function, task by task, by plain autograd."""
    adapted = []
    for task in range(TASKS):
        phi = params
        for losses, step_size in zip(adaptation.losses, estimator.step_sizes, strict=True):
            one = losses.tasks(slice(task, task + 1))
            phi = phi - step_size * torch.func.grad(lambda p, one=one: one(p[None])[0])(phi)
        adapted.append(phi)
    return torch.stack(adapted)


@pytest.mark.parametrize("name", ESTIMATORS)
def test_adaptation_is_plain_gradient_descent(name):
    estimator = ESTIMATORS[name]((0.3, 0.2, 0.1))
    _, params, adaptation, _, _ = solve_problem(estimator)
    assert relative_error(adaptation.params, unrolled(estimator, adaptation, params)) < 1e-12
    replayed = estimator.adapt(params, TASKS, adaptation.replay)
    assert torch.equal(replayed.params, adaptation.params)


@pytest.mark.parametrize("name", ESTIMATORS)
def test_pullback_is_the_transpose_of_pushforward(name):
    estimator = ESTIMATORS[name]((0.3, 0.2, 0.1))
    _, params, adaptation, _, _ = solve_problem(estimator)
    jacobian = estimator.linearize(adaptation)
    v, u = torch.randn_like(params), torch.randn_like(adaptation.params)
    torch.testing.assert_close((jacobian.pushforward(v) * u).sum(), jacobian.pullback(u) @ v)


@pytest.mark.parametrize("name", EXACT)
@pytest.mark.parametrize("steps", [1, 3])
def test_pushforward_is_the_derivative_of_the_adaptation(name, steps):
    estimator = ESTIMATORS[name]((0.3, 0.2, 0.1)[:steps])
    _, params, adaptation, _, _ = solve_problem(estimator)
    v = torch.randn_like(params)
    step = 1e-5
    ahead, behind = (
        estimator.adapt(params + sign * step * v, TASKS, adaptation.replay).params for sign in (1, -1)
    )
    expected = (ahead - behind) / (2 * step)
    assert relative_error(estimator.linearize(adaptation).pushforward(v), expected) < 1e-7


def test_first_order_jacobian_is_the_identity():
    estimator = FirstOrderMaml((0.3, 0.2))
    _, params, adaptation, _, _ = solve_problem(estimator)
    jacobian = estimator.linearize(adaptation)
    v, u = torch.randn_like(params), torch.randn_like(adaptation.params)
    assert torch.equal(jacobian.pushforward(v), v.expand(TASKS, -1))
    assert torch.equal(jacobian.pullback(u), u.sum(dim=0))


@pytest.mark.parametrize("name", EXACT)
@pytest.mark.parametrize("steps", [1, 3])
@pytest.mark.parametrize("discrete", [False, True], ids=["gaussian", "categorical"])
def test_meta_gradient_is_central_finite_differences(name, steps, discrete):
    estimator = ESTIMATORS[name]((0.3, 0.2, 0.1)[:steps])
    _, params, _, _, objective = solve_problem(estimator, discrete)
    step = 1e-5
    expected = torch.stack(
        [
            torch.tensor(
                (objective.evaluate(params + step * e)[0] - objective.evaluate(params - step * e)[0]) / (2 * step)
            )
            for e in torch.eye(len(params), dtype=torch.float64)
        ]
    )
    assert relative_error(objective.gradient(), expected) < 1e-6


@pytest.mark.parametrize("steps", [1, 3])
@pytest.mark.parametrize("activation", ["relu", "tanh"])
@pytest.mark.parametrize("discrete", [False, True], ids=["gaussian", "categorical"])
def test_curvature_is_the_explicit_hessian_of_the_mean_kl(steps, activation, discrete):
    estimator = Maml((0.3, 0.2, 0.1)[:steps])
    policy, params, adaptation, batch, objective = solve_problem(estimator, discrete, activation)

    def mean_kl(theta):
        outputs = policy(unrolled(estimator, adaptation, theta), batch.observations)
        return (batch.weights * policy.distribution.kl(batch.outputs, outputs)).sum() / TASKS

    hessian = torch.func.hessian(mean_kl)(params)
    curvature = objective.curvature()
    product = torch.stack([curvature(e) for e in torch.eye(len(params), dtype=torch.float64)])
    assert relative_error(product, hessian) < 1e-8


def test_ratio_is_one_and_kl_zero_at_the_old_parameters():
    _, params, _, batch, objective = solve_problem(Maml((0.3,)))
    loss, kl = objective.evaluate(params)
    assert loss == pytest.approx(-float((batch.weights * batch.advantages).sum(dim=1).mean()), rel=1e-12)
    assert kl == pytest.approx(0.0, abs=1e-14)


def test_step_size_zero_is_plain_trpo():
    policy, params, _, batch, objective = solve_problem(Maml((0.0,)))
    losses = TaskLosses(policy, surrogate(policy.distribution), batch)
    shared = params.expand(TASKS, -1)
    torch.testing.assert_close(objective.gradient(), task_gradients(losses, shared).mean(dim=0))
    v = torch.randn_like(params)
    fisher = FisherProduct(policy, shared, batch)(v.expand(TASKS, -1)).mean(dim=0)
    torch.testing.assert_close(objective.curvature()(v), fisher)


def test_curvature_on_a_fraction_is_the_curvature_of_the_subsampled_data():
    estimator = Maml((0.3,))
    policy, params, adaptation, batch, objective = solve_problem(estimator)
    v = torch.randn_like(params)
    part = type(adaptation)(
        adaptation.trajectory,
        adaptation.gradients,
        tuple(losses.subsample(0.5) for losses in adaptation.losses),
    )
    expected = MetaObjective(estimator, policy, part, batch.subsample(0.5)).curvature()(v)
    torch.testing.assert_close(objective.curvature(0.5)(v), expected)
    assert relative_error(expected, objective.curvature()(v)) > 1e-3
