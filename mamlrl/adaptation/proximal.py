"""iMAML's update rule: minimise a proximal objective, differentiate the minimum implicitly.

Rajeswaran et al. 2019, *Meta-Learning with Implicit Gradients*. With phi_0 the parameters before the update,

    phi* = argmin L(phi) + w / 2 |phi - phi_0|^2,    dphi* / dphi_0 = (I + H / w)^-1,

H being the Hessian of L at phi*. The path of the optimizer does not matter and is not kept. Where only some
parameters are adapted, the minimum is over them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import log
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from mamlrl.adaptation.proximal_objective import INNER_OPTIMIZERS, Curvature, ProximalObjective
from mamlrl.adaptation.update_rule import Update, UpdateJacobian, UpdateRule
from mamlrl.errors import UserError
from mamlrl.losses.derivatives import task_gradients
from mamlrl.losses.task_losses import TaskLosses
from mamlrl.settings.numbers import ClosedUnitInterval, NonNegativeFinite, PositiveInt
from mamlrl.settings.section import Section

GRADIENT_NORM = "proximal/gradient_norm"  # metrics that benchmarks read
CG_RESIDUAL = "proximal/cg_residual"
NEGATIVE_CURVATURE = "proximal/negative_curvature"

if not TYPE_CHECKING:  # the parser reads what the type checker does not
    InnerOptimizerName = INNER_OPTIMIZERS.name_type("InnerOptimizerName")
else:
    InnerOptimizerName = str


@dataclass(frozen=True)
class ProximalConfig(Section):
    """The proximal inner objective, loss(phi) + weight / 2 |phi - theta|^2, and iMAML's solution of it.

    Attributes:
        weight: Weight of the proximal term (lambda); `imaml` and `linearized_imaml` need one above 0.
        learned: Whether the weight is one of the meta-parameters (these estimators only).
        optimizer: What minimises their inner objective: `gradient_descent`; `line_search`, the same
            with each step halved until it decreases the task's objective; `adam`; or `newton_cg`.
        curvature: Second derivative of the loss that `imaml` takes: `hessian`, which may be indefinite, or
            `fisher`, the Gauss-Newton matrix, which is not.
        cg_iterations: Maximum number of iterations of conjugate gradient in a product with the inverse curvature.
        cg_tolerance: Squared norm of the residual, relative to the right-hand side's, at which it stops.
        damping: Added to the weight where the solution is differentiated, but not where it is sought: it keeps the
            system definite in spite of some negative curvature.
        implicitness: Share of the loss that `linearized_imaml` linearises in the network's outputs, and minimises;
            the rest is linearised in the parameters. With 0 it is MAML.
    """

    weight: NonNegativeFinite = 0.0
    learned: bool = False
    optimizer: InnerOptimizerName = "gradient_descent"
    curvature: Curvature = "hessian"
    cg_iterations: PositiveInt = 10
    cg_tolerance: NonNegativeFinite = 1e-10
    damping: NonNegativeFinite = 0.0
    implicitness: ClosedUnitInterval = 0.5


class ProximalPoint(UpdateRule):
    """The proximal objective's minimum, and its implicit derivative.

    Args:
        mask: 1 for the parameters that are adapted, else 0, shape (P,).
        config: The objective, its optimizer and the effort of conjugate gradient.
        num_steps: Steps of the optimizer.
        step_size: Step size of gradient descent and Adam.
    """

    exact = True
    implicit = True
    parameter_name = "the logarithm of the learned proximal weight"

    def __init__(self, mask: Tensor, config: ProximalConfig, num_steps: int, step_size: float) -> None:
        self.mask = mask
        self.config = config
        self.num_steps = num_steps
        self.step_size = step_size
        self.num_parameters = int(config.learned)

    def check_scales(self, scales: Sequence[float]) -> None:
        """See `UpdateRule.check_scales`; the weight of the proximal term is divided by them."""
        if 0 in scales:
            raise UserError(
                "evaluation.later_step_factor: imaml divides its proximal weight by it; choose one above 0"
            )

    def init(self) -> Tensor:
        """Returns the logarithm of the weight if it is learned, shape (1,) or (0,)."""
        return torch.full((self.num_parameters,), log(self.config.weight))

    def objective(self, update: Update) -> ProximalObjective:
        """The objective of an update, whatever its minimum; a step size scaled down is a weight scaled up."""
        effort = self.config.curvature, self.config.cg_iterations, self.config.cg_tolerance
        params, rule_params = update.path[0], update.rule_params
        weight = rule_params[0].exp() if self.config.learned else rule_params.new_tensor(self.config.weight)
        return ProximalObjective(update.losses, params, weight / update.scale, self.mask.to(params), *effort)

    def update(self, rule_params: Tensor, params: Tensor, losses: TaskLosses, scale: float) -> Update:
        """See `UpdateRule.update`."""
        start = Update(losses, rule_params, scale, (params,), (task_gradients(losses, params),), params)
        minimise = INNER_OPTIMIZERS.find(self.config.optimizer)
        return replace(start, params=minimise(self.objective(start), self.num_steps, scale * self.step_size))

    def linearize(self, update: Update, fraction: float) -> UpdateJacobian:
        """Builds the product with the curvature at the minimum."""
        return ImplicitJacobian(self.damped_objective(update, fraction), update.params, self.num_parameters)

    def damped_objective(self, update: Update, fraction: float) -> ProximalObjective:
        """The objective whose minimum is differentiated: on a fraction of the samples, with damping."""
        objective = self.objective(replace(update, losses=update.losses.subsample(fraction)))
        return replace(objective, weight=objective.weight + self.config.damping)

    def metrics(self, update: Update) -> dict[str, float]:
        """Returns the norm of the gradient that is left, the mean over tasks, and the weight."""
        objective = self.objective(update)
        return {
            GRADIENT_NORM: float(objective.gradient(update.params).norm(dim=1).mean()),
            "proximal/weight": float(objective.weight),
        }


class ImplicitJacobian(UpdateJacobian):
    """Differentiates the condition that the gradient is 0; a learned weight enters by its logarithm.

    Args:
        objective: The objective.
        minimum: Its minimum, shape (task, P).
        num_rule_parameters: 1 if the weight is learned, else 0.
    """

    def __init__(self, objective: ProximalObjective, minimum: Tensor, num_rule_parameters: int) -> None:
        self._objective = objective
        self._curvature = objective.loss_curvature(minimum)
        self._shift = minimum - objective.start
        self._num_rule_parameters = num_rule_parameters
        self._solved: list[tuple[int, float, float]] = []  # products, relative residual, indefinite systems

    def pushforward(self, tangents: Tensor, rule_tangents: Tensor) -> Tensor:
        """See `UpdateJacobian.pushforward`."""
        objective = self._objective
        fixed = (1 - objective.mask) * tangents
        b = tangents - rule_tangents.sum() * self._shift
        if not bool(objective.mask.all()):
            b = b - self._curvature(fixed) / objective.weight
        return fixed + self._solve(b)

    def pullback(self, cotangents: Tensor) -> tuple[Tensor, Tensor]:
        """See `UpdateJacobian.pullback`."""
        objective = self._objective
        solution = self._solve(cotangents)
        rule_cotangents = -(solution * self._shift).sum().expand(self._num_rule_parameters)
        if bool(objective.mask.all()):
            return solution, rule_cotangents
        through = cotangents - self._curvature(solution) / objective.weight
        return solution + (1 - objective.mask) * through, rule_cotangents

    def metrics(self) -> dict[str, float]:
        """Returns the effort and success of conjugate gradient; see `metric_names`."""
        products, residuals, indefinite = zip(*self._solved, strict=True) if self._solved else ((), (), ())
        return {
            "proximal/cg_products": float(sum(products)),
            CG_RESIDUAL: max(residuals, default=0.0),
            NEGATIVE_CURVATURE: max(indefinite, default=0.0),
        }

    def _solve(self, b: Tensor) -> Tensor:
        result = self._objective.solve(self._curvature, b)
        scale = (self._objective.mask * b).norm(dim=1).clamp(min=torch.finfo(b.dtype).tiny)
        residual = float((result.residual.norm(dim=1) / scale).max())
        self._solved.append((result.iterations, residual, float(result.indefinite.double().mean())))
        return result.solution
