"""The proximal inner objective and its minimisation, for all tasks at once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from mamlrl.conjugate_gradient import ConjugateGradientResult, conjugate_gradient
from mamlrl.finite import check_tasks_finite
from mamlrl.losses.derivatives import FisherProduct, HessianProduct, task_gradients, task_values
from mamlrl.losses.task_losses import TaskLosses
from mamlrl.settings.choices import Registry

ARMIJO = 1e-4  # least decrease of a step, relative to what its slope promises
MAX_HALVINGS = 10

Curvature = Literal["hessian", "fisher"]


@dataclass(frozen=True)
class ProximalObjective:
    """L(phi) + weight / 2 |phi - start|^2 over the adapted parameters of every task.

    Attributes:
        losses: Losses L.
        start: Parameters before the update, shape (task, P).
        weight: Weight of the proximal term, a tensor with one element.
        mask: 1 for the adapted parameters, else 0, shape (P,).
        curvature: Second derivative of L to take: `hessian` or `fisher`.
        cg_iterations: Maximum number of iterations of conjugate gradient.
        cg_tolerance: Squared relative residual at which conjugate gradient stops.
    """

    losses: TaskLosses
    start: Tensor
    weight: Tensor
    mask: Tensor
    curvature: Curvature
    cg_iterations: int
    cg_tolerance: float

    def __call__(self, params: Tensor) -> Tensor:
        """Evaluates the objective of every task, shape (task, P) to (task,)."""
        (values,) = task_values(self.losses.network, params, self.losses.batch, self.losses.output_loss)
        return values + 0.5 * self.weight * (params - self.start).square().sum(dim=1)

    def gradient(self, params: Tensor) -> Tensor:
        """Returns the gradient in the adapted parameters, 0 in the others, shape (task, P)."""
        return self.mask * task_gradients(self.losses, params) + self.weight * (params - self.start)

    def loss_curvature(self, params: Tensor) -> Callable[[Tensor], Tensor]:
        """The product with the losses' second derivative, Hessian or Fisher matrix, (task, P) to (task, P)."""
        if self.curvature == "fisher":
            return FisherProduct(self.losses.network, params, self.losses.batch)
        return HessianProduct(self.losses, params)

    def solve(self, curvature: Callable[[Tensor], Tensor], b: Tensor) -> ConjugateGradientResult:
        """Solves (I + curvature / weight) x = b in the adapted parameters by conjugate gradient."""
        return conjugate_gradient(
            lambda x: x + self.mask * curvature(x) / self.weight,
            self.mask * b,
            self.cg_iterations,
            self.cg_tolerance,
        )


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
    for state in optimizer.state.values():
        check_tasks_finite("the second moment of the inner loop's Adam", state["exp_avg_sq"])
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
        values = objective(params + length[:, None] * direction)
        decreased = values.isfinite() & (values <= bound)
        best = torch.where(decreased & (best == 0), length, best)
        if bool((best > 0).all()):
            break
        length = length / 2
    return torch.where(best[:, None] > 0, params + best[:, None] * direction, params)  # 0 * inf is undefined


# (objective, number of steps, step size) -> approximate minimum, shape (task, P)
INNER_OPTIMIZERS: Registry[Callable[[ProximalObjective, int, float], Tensor]] = Registry(
    "inner optimizer",
    {"gradient_descent": gradient_descent, "line_search": line_search, "adam": adam, "newton_cg": newton_cg},
)
