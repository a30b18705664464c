"""Implicit gradients against closed forms."""

from dataclasses import replace

import pytest
import torch
from problems import make_batch, make_params, make_policy, relative_error
from ridge import EFFORT, INPUTS, NETWORK, OUTPUTS, TASKS, WEIGHT, make_ridge, solved

from mamlrl.adaptation.build import AdaptationConfig, make_estimator
from mamlrl.adaptation.proximal import ProximalConfig
from mamlrl.adaptation.proximal_objective import INNER_OPTIMIZERS
from mamlrl.losses.policy_losses import Surrogate
from mamlrl.losses.task_losses import TaskLosses
from mamlrl.outer.objective import MetaObjective


@pytest.fixture
def inner():
    return make_ridge(1, scale=0.0)


@pytest.fixture
def outer():
    return make_ridge(2, scale=0.0)


@pytest.fixture
def params():
    return torch.randn(NETWORK.num_parameters, generator=torch.Generator().manual_seed(3), dtype=torch.float64)


def adapt(config, inner, outer, params):
    """Adapted parameters of each task, and the meta-gradient."""
    estimator = make_estimator(config, NETWORK)
    adaptation = estimator.adapt(params, TASKS, lambda step, _: inner.losses)
    objective = MetaObjective(estimator, adaptation, outer.losses)
    return adaptation.phi, objective.gradient(), objective


def closed_form(inner, outer, params, adapted=slice(None)):
    """Minima by direct solves, and gradients by autograd: in the parameters, and in the log of the weight."""
    theta = params.clone().requires_grad_()
    log_weight = torch.tensor(WEIGHT, dtype=torch.float64).log().requires_grad_()
    minima = inner.minima(theta, log_weight.exp(), adapted)
    gradient, slope = torch.autograd.grad(outer.mean_error(minima), [theta, log_weight])
    return minima.detach(), gradient, slope


def test_every_optimizer_has_an_effort():
    assert EFFORT.keys() == INNER_OPTIMIZERS.keys()


@pytest.mark.parametrize("curvature", ["hessian", "fisher"])
@pytest.mark.parametrize("optimizer", INNER_OPTIMIZERS)
def test_ridge_regression_is_the_closed_form(optimizer, curvature, inner, outer, params):
    minima, gradient, _ = closed_form(inner, outer, params)
    adapted, computed, objective = adapt(solved(optimizer=optimizer, curvature=curvature), inner, outer, params)
    assert relative_error(adapted, minima) < 1e-8
    assert relative_error(computed, gradient) < 1e-8
    metrics = objective.metrics()
    assert metrics["proximal/gradient_norm"] < 1e-7
    assert metrics["proximal/cg_residual"] < 1e-12
    assert metrics["proximal/cg_products"] >= 5
    assert metrics["proximal/negative_curvature"] == 0


def test_a_learned_weight_has_the_closed_forms_derivative(inner, outer, params):
    _, gradient, slope = closed_form(inner, outer, params)
    config = solved(learned=True)
    meta_params = make_estimator(config, NETWORK).init(params)
    _, computed, objective = adapt(config, inner, outer, meta_params)
    assert relative_error(computed[:-1], gradient) < 1e-8
    assert float(computed[-1]) == pytest.approx(float(slope), rel=1e-8)
    assert objective.metrics()["proximal/weight"] == pytest.approx(WEIGHT)


def test_damping_changes_the_derivative_and_not_the_minimum(inner, outer, params):
    adapted, computed, _ = adapt(solved(damping=1.5), inner, outer, params)
    assert relative_error(adapted, inner.minima(params, torch.tensor(WEIGHT))) < 1e-8
    minima = adapted.clone().requires_grad_()
    (cotangents,) = torch.autograd.grad(outer.mean_error(minima), minima)
    eye = torch.eye(INPUTS + 1, dtype=torch.float64)
    pulled = torch.linalg.solve(eye + inner.hessian / (WEIGHT + 1.5), cotangents.view(TASKS, INPUTS + 1, OUTPUTS))
    assert relative_error(computed, pulled.sum(dim=0).flatten()) < 1e-8


@pytest.mark.parametrize("optimizer", INNER_OPTIMIZERS)
def test_only_the_adapted_parameters_are_minimised_over(optimizer, inner, outer, params):
    minima, gradient, _ = closed_form(inner, outer, params, adapted=slice(-1, None))
    config = replace(solved(optimizer=optimizer), adapted="biases")
    adapted, computed, _ = adapt(config, inner, outer, params)
    assert torch.equal(adapted[:, :-OUTPUTS], params[:-OUTPUTS].expand(TASKS, -1))
    assert relative_error(adapted, minima) < 1e-8
    assert relative_error(computed, gradient) < 1e-8


def test_a_step_scaled_down_is_a_weight_scaled_up(inner, params):
    estimator = make_estimator(solved(), NETWORK, scales=(0.25,))
    adapted = estimator.adapt(params, TASKS, lambda step, _: inner.losses).phi
    assert relative_error(adapted, inner.minima(params, torch.tensor(4 * WEIGHT))) < 1e-8


def test_error_of_conjugate_gradient_falls_as_its_theory_says(params):
    """Saad 2003, equation 6.128: in the norm of A, by 2 ((sqrt(k) - 1) / (sqrt(k) + 1))^n, k its condition."""
    inner = make_ridge(1, scale=1.0)
    cotangents = torch.randn(TASKS, len(params), generator=torch.Generator().manual_seed(4), dtype=torch.float64)
    matrices = [torch.kron(h / WEIGHT, torch.eye(OUTPUTS)) + torch.eye(len(params)) for h in inner.hessian]
    exact = torch.stack([torch.linalg.solve(a, u) for a, u in zip(matrices, cotangents, strict=True)])
    conditions = torch.stack([torch.linalg.cond(a) for a in matrices]).sqrt()
    rates = (conditions - 1) / (conditions + 1)
    assert rates.min() > 0.8  # so that the bound is far from 0 for many iterations
    start = energy(matrices, exact)
    errors = []
    for iterations in range(1, len(params) + 1):
        config = solved(cg_iterations=iterations, cg_tolerance=0.0)
        estimator = make_estimator(config, NETWORK)
        solution = [
            estimator.linearize(estimator.adapt(params, TASKS, lambda step, _: inner.losses)).pullback(
                cotangents * torch.eye(TASKS, dtype=torch.float64)[task][:, None]
            )
            for task in range(TASKS)
        ]
        errors.append(energy(matrices, torch.stack(solution) - exact) / start)
        assert (errors[-1] <= 2 * rates**iterations).all()
    assert (torch.stack(errors[:5]).diff(dim=0) < 0).all()
    assert (errors[2] > 1e-3).all()
    assert (errors[-1] < 1e-8).all()


def energy(matrices, vectors):
    """Norm of the vector of each task in that of its matrix."""
    return torch.stack([(v @ a @ v).sqrt() for a, v in zip(matrices, vectors, strict=True)])


def test_unrolled_maml_converges_to_the_implicit_gradient(inner, outer, params):
    _, gradient, _ = closed_form(inner, outer, params)
    proximal = ProximalConfig(weight=WEIGHT)
    errors = []
    for steps in (1, 10, 400):
        config = AdaptationConfig(step_size=0.1, gradient_steps=steps, proximal=proximal)
        errors.append(relative_error(adapt(config, inner, outer, params)[1], gradient))
    assert errors[0] > errors[1] > 1e-4
    assert errors[2] < 1e-8


def test_first_order_does_not(inner, outer, params):
    _, gradient, _ = closed_form(inner, outer, params)
    config = AdaptationConfig("first_order", step_size=0.1, gradient_steps=400, proximal=ProximalConfig(WEIGHT))
    adapted, computed, _ = adapt(config, inner, outer, params)
    assert relative_error(adapted, inner.minima(params, torch.tensor(WEIGHT))) < 1e-8
    assert relative_error(computed, gradient) > 0.1


@pytest.fixture
def saddle():
    """A policy's inner loop so weakly held that its objective curves downwards in some directions."""
    policy = make_policy()
    params = make_params(policy)
    batch = make_batch(policy, params)
    inner, outer = (TaskLosses(policy, Surrogate(policy.distribution), batch) for _ in range(2))

    def make(curvature):
        proximal = ProximalConfig(weight=0.05, cg_iterations=40, curvature=curvature)
        estimator = make_estimator(AdaptationConfig("imaml", step_size=0.1, proximal=proximal), policy)
        adaptation = estimator.adapt(params, TASKS, lambda step, _: inner)
        return estimator, adaptation, MetaObjective(estimator, adaptation, outer)

    return make


def test_negative_curvature_is_reported_and_does_not_turn_a_gradient_round(saddle):
    estimator, adaptation, _ = saddle("hessian")
    cotangents = torch.randn(TASKS, estimator.num_network_parameters, dtype=torch.float64)
    jacobian = estimator.linearize(adaptation)
    for task in range(TASKS):
        one = torch.zeros_like(cotangents)
        one[task] = cotangents[task]
        assert float(jacobian.pullback(one) @ cotangents[task]) > 0
        assert float((jacobian.pushforward(cotangents[task])[task]) @ cotangents[task]) > 0
    assert 0 < jacobian.metrics()["proximal/negative_curvature"] <= 1


def test_the_fisher_matrix_has_no_negative_curvature(saddle):
    _, _, objective = saddle("fisher")
    assert objective.gradient().isfinite().all()
    assert objective.metrics()["proximal/negative_curvature"] == 0


def test_the_path_to_the_minimum_is_not_kept(inner, params):
    for steps in (1, 64):
        estimator = make_estimator(replace(solved(optimizer="gradient_descent"), gradient_steps=steps), NETWORK)
        (update,) = estimator.adapt(params, TASKS, lambda step, _: inner.losses).updates
        assert len(update.path) == len(update.gradients) == 1
