"""iMAML's update rule: minimise a proximal objective, differentiate the minimum implicitly.

Rajeswaran et al. 2019, *Meta-Learning with Implicit Gradients*. With phi_0 the parameters before the update,

    phi* = argmin L(phi) + w / 2 |phi - phi_0|^2,    dphi* / dphi_0 = (I + H / w)^-1,

H being the Hessian of L at phi*. The path of the optimizer does not matter, nor is it kept. Where only some
parameters are adapted, the minimum is over them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from math import log

import torch
from torch import Tensor

from mamlrl.adaptation.estimator import Update, UpdateJacobian, UpdateRule
from mamlrl.experiments.experiment import ProximalConfig
from mamlrl.losses.derivatives import (
    ConjugateGradientResult,
    FisherProduct,
    HessianProduct,
    conjugate_gradient,
    task_gradients,
)
from mamlrl.losses.policy_losses import TaskLosses

ARMIJO = 1e-4  # least decrease of a step, relative to what its slope promises
MAX_HALVINGS = 10


@dataclass(frozen=True)
class ProximalObjective:
    """L(phi) + weight / 2 |phi - start|^2 over the adapted parameters of every task.

    Attributes:
        losses: L.
        start: Parameters before the update, shape (task, P).
        weight: Of the proximal term, a number or a tensor of one.
        mask: 1 for the adapted parameters, else 0, shape (P,).
        config: Which curvature, and the effort of conjugate gradient.
    """

    losses: TaskLosses
    start: Tensor
    weight: Tensor
    mask: Tensor
    config: ProximalConfig

    def __call__(self, params: Tensor) -> Tensor:
        """Evaluates the objective of every task, shape (task, P) to (task,)."""
        return self.losses(params) + 0.5 * self.weight * (params - self.start).square().sum(dim=1)

    def gradient(self, params: Tensor) -> Tensor:
        """Its gradient in the adapted parameters, 0 in the others, shape (task, P)."""
        return self.mask * task_gradients(self.losses, params) + self.weight * (params - self.start)

    def loss_curvature(self, params: Tensor) -> Callable[[Tensor], Tensor]:
        """The product with the losses' second derivative, Hessian or Fisher matrix, (task, P) to (task, P)."""
        if self.config.curvature == "fisher":
            return FisherProduct(self.losses.network, params, self.losses.batch)
        return HessianProduct(self.losses, params)

    def solve(self, curvature: Callable[[Tensor], Tensor], b: Tensor) -> ConjugateGradientResult:
        """Solves (I + curvature / weight) x = b in the adapted parameters by conjugate gradient."""
        return conjugate_gradient(
            lambda x: x + self.mask * curvature(x) / self.weight,
            self.mask * b,
            self.config.cg_iterations,
            self.config.cg_tolerance,
        )


class ProximalPoint(UpdateRule):
    """The proximal objective's minimum, and its implicit derivative.

    Args:
        mask: 1 for the parameters that are adapted, else 0, shape (P,).
        config: The objective, its optimizer and the effort of conjugate gradient.
        num_steps: Steps of the optimizer.
        step_size: Of gradient descent and Adam.
    """

    exact = True

    def __init__(self, mask: Tensor, config: ProximalConfig, num_steps: int, step_size: float) -> None:
        self.mask = mask
        self.config = config
        self.num_steps = num_steps
        self.step_size = step_size
        self.num_parameters = int(config.learned)

    def init(self) -> Tensor:
        """Returns the logarithm of the weight if it is learned, shape (1,) or (0,)."""
        return torch.full((self.num_parameters,), log(self.config.weight))

    def objective(
        self, losses: TaskLosses, params: Tensor, rule_params: Tensor, scale: float
    ) -> ProximalObjective:
        """The objective of an update; a step size scaled down is a weight scaled up."""
        weight = rule_params[0].exp() if self.config.learned else rule_params.new_tensor(self.config.weight)
        return ProximalObjective(losses, params, weight / scale, self.mask.to(params), self.config)

    def update(self, rule_params: Tensor, params: Tensor, losses: TaskLosses, scale: float) -> Update:
        """See `UpdateRule.update`."""
        objective = self.objective(losses, params, rule_params, scale)
        minimise = OPTIMIZERS[self.config.optimizer]
        minimum = minimise(objective, self.num_steps, scale * self.step_size)
        return Update(losses, rule_params, scale, (params,), (task_gradients(losses, params),), minimum)

    def linearize(self, update: Update, fraction: float) -> UpdateJacobian:
        """Builds the product with the curvature at the minimum."""
        losses = update.losses.subsample(fraction)
        objective = self.objective(losses, update.path[0], update.rule_params, update.scale)
        damped = replace(objective, weight=objective.weight + self.config.damping)
        return _ImplicitJacobian(damped, update.params, self.num_parameters)

    def metrics(self, update: Update) -> dict[str, float]:
        """Returns the norm of the gradient that is left, the mean over tasks, and the weight."""
        objective = self.objective(update.losses, update.path[0], update.rule_params, update.scale)
        return {
            "proximal/gradient_norm": float(objective.gradient(update.params).norm(dim=1).mean()),
            "proximal/weight": float(objective.weight),
        }


class _ImplicitJacobian(UpdateJacobian):
    """Differentiates the condition that the gradient is 0; a learned weight enters by its logarithm."""

    def __init__(self, objective: ProximalObjective, minimum: Tensor, num_rule_parameters: int) -> None:
        self._objective = objective
        self._curvature = objective.loss_curvature(minimum)
        self._shift = minimum - objective.start
        self._num_rule_parameters = num_rule_parameters
        self._solved: list[tuple[int, float, float]] = []  # products, relative residual, indefinite systems

    def pushforward(self, tangents: Tensor, rule_tangents: Tensor) -> Tensor:
        objective = self._objective
        fixed = (1 - objective.mask) * tangents
        b = tangents - rule_tangents.sum() * self._shift
        if not bool(objective.mask.all()):
            b = b - self._curvature(fixed) / objective.weight
        return fixed + self._solve(b)

    def pullback(self, cotangents: Tensor) -> tuple[Tensor, Tensor]:
        objective = self._objective
        solution = self._solve(cotangents)
        rule_cotangents = -(solution * self._shift).sum().expand(self._num_rule_parameters)
        if bool(objective.mask.all()):
            return solution, rule_cotangents
        through = cotangents - self._curvature(solution) / objective.weight
        return solution + (1 - objective.mask) * through, rule_cotangents

    def metrics(self) -> dict[str, float]:
        products, residuals, indefinite = zip(*self._solved, strict=True) if self._solved else ((), (), ())
        return {
            "proximal/cg_products": float(sum(products)),
            "proximal/cg_residual": max(residuals, default=0.0),
            "proximal/negative_curvature": max(indefinite, default=0.0),
        }

    def _solve(self, b: Tensor) -> Tensor:
        result = self._objective.solve(self._curvature, b)
        scale = (self._objective.mask * b).norm(dim=1).clamp(min=torch.finfo(b.dtype).tiny)
        residual = float((result.residual.norm(dim=1) / scale).max())
        self._solved.append((result.iterations, residual, float(result.indefinite.double().mean())))
        return result.solution


def gradient_descent(objective: ProximalObjective, num_steps: int, step_size: float) -> Tensor:
    """Takes steps of fixed size down the objective; returns shape (task, P)."""
    params = objective.start
    for _ in range(num_steps):
        params = params - step_size * objective.gradient(params)
    return params


def line_search(objective: ProximalObjective, num_steps: int, step_size: float) -> Tensor:
    """Takes steps down the objective, each halved until it decreases the task's objective enough."""
    params = objective.start
    for _ in range(num_steps):
        gradient = objective.gradient(params)
        slope = -step_size * gradient.square().sum(dim=1)
        params = _backtrack(objective, params, -step_size * gradient, slope)
    return params


def adam(objective: ProximalObjective, num_steps: int, step_size: float) -> Tensor:
    """Takes steps of Adam (Kingma & Ba 2015), which treats every parameter of every task by itself."""
    params = objective.start.clone()
    optimizer = torch.optim.Adam([params], lr=step_size)
    for _ in range(num_steps):
        params.grad = objective.gradient(params)
        optimizer.step()
    return params


def newton_cg(objective: ProximalObjective, num_steps: int, step_size: float) -> Tensor:
    """Takes Newton steps solved by conjugate gradient, each halved until it decreases the task's objective enough.

    Nocedal & Wright 2006, algorithm 7.1; the step size is of no use to it. It stops once steps are lost in
    rounding.
    """
    del step_size
    params = objective.start
    rounding = 10 * torch.finfo(params.dtype).eps
    for _ in range(num_steps):
        gradient = objective.gradient(params)
        direction = objective.solve(objective.loss_curvature(params), -gradient / objective.weight).solution
        before, params = params, _backtrack(objective, params, direction, (gradient * direction).sum(dim=1))
        if bool(((params - before).norm(dim=1) <= rounding * before.norm(dim=1)).all()):
            break
    return params


def _backtrack(objective: ProximalObjective, params: Tensor, direction: Tensor, slope: Tensor) -> Tensor:
    """Goes along the direction of each task until the objective decreases, or not at all."""
    start = objective(params)
    rounding = 100 * torch.finfo(start.dtype).eps * start.abs()
    length, best = torch.ones_like(slope), torch.zeros_like(slope)
    for _ in range(MAX_HALVINGS):
        bound = start + ARMIJO * length * slope + rounding
        decreased = objective(params + length[:, None] * direction) <= bound
        best = torch.where(decreased & (best == 0), length, best)
        if bool((best > 0).all()):
            break
        length = length / 2
    return params + best[:, None] * direction


OPTIMIZERS: dict[str, Callable[[ProximalObjective, int, float], Tensor]] = {
    "gradient_descent": gradient_descent,
    "line_search": line_search,
    "adam": adam,
    "newton_cg": newton_cg,
}
