"""The trust-region step of TRPO (Schulman et al. 2015) on a parameter vector, for any objective and curvature."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import isfinite
from typing import NamedTuple

import torch
from torch import Tensor

from mamlrl.conjugate_gradient import conjugate_gradient, warn_of_surplus_iterations
from mamlrl.errors import LearningError
from mamlrl.finite import check_finite
from mamlrl.metric_names import KL, META_GRADIENT_NORM, Metrics
from mamlrl.outer.objective import MetaObjective
from mamlrl.outer.optimizer import OuterOptimizer
from mamlrl.settings.numbers import NonNegativeFinite, PositiveFinite, PositiveFraction, PositiveInt
from mamlrl.settings.section import Section
from mamlrl.timing import PhaseTimer


@dataclass(frozen=True)
class TrustRegionConfig(Section):
    """The outer optimizer `trust_region`: TRPO (Schulman et al. 2015).

    Attributes:
        max_kl: Bound on the mean KL divergence between adapted policies before and after the step.
        cg_iterations: Maximum number of iterations of conjugate gradient.
        cg_tolerance: Squared norm of the residual, relative to the gradient's, at which conjugate gradient stops.
        damping: Multiple of the identity added to the curvature.
        line_search_steps: Maximum number of step lengths that are tried.
        line_search_decay: Factor between successive step lengths.
        curvature_fraction: Fraction of the states that the curvature is computed on.
    """

    max_kl: PositiveFinite = 0.01
    cg_iterations: PositiveInt = 10
    cg_tolerance: NonNegativeFinite = 1e-10
    damping: NonNegativeFinite = 1e-5
    line_search_steps: PositiveInt = 15
    line_search_decay: PositiveFraction = 0.8
    curvature_fraction: PositiveFraction = 1.0


class TrustRegion(OuterOptimizer):
    """TRPO (Schulman et al. 2015), as MAML uses it (Finn et al. 2017, section 4.2).

    Args:
        config: Bound, effort and curvature.
        theta: Meta-parameters.
    """

    def __init__(self, config: TrustRegionConfig, theta: Tensor) -> None:
        self._config = config
        warn_of_surplus_iterations("trust_region.cg_iterations", config.cg_iterations, len(theta))

    def step(self, theta: Tensor, objective: MetaObjective, timer: PhaseTimer) -> tuple[Tensor, Metrics]:
        """See `OuterOptimizer.step`."""
        config = self._config
        with timer.phase("gradient"):
            gradient = objective.gradient()
        check_finite("the meta-gradient", gradient)
        with timer.phase("cg"):
            direction = search_direction(gradient, objective.curvature(config.curvature_fraction), config)
        check_finite("the direction of the outer step", direction.vector, outer=True)
        with timer.phase("line_search"):
            step = line_search(theta, direction.vector, objective.evaluate, config)
        return step.params, {
            META_GRADIENT_NORM: float(gradient.norm()),
            KL: step.kl,
            "surrogate_improvement": step.improvement,
            "line_search_accepted": float(step.accepted),
            "line_search_steps": step.tried,
            "cg_iterations": direction.cg_iterations,
            "cg_residual": direction.cg_residual,
        }


class Direction(NamedTuple):
    """Outcome of `search_direction`.

    Attributes:
        vector: The step that reaches the bound in the quadratic model, shape (P,).
        cg_iterations: Products with the curvature.
        cg_residual: Norm of conjugate gradient's residual, relative to the gradient's.
    """

    vector: Tensor
    cg_iterations: int
    cg_residual: float


class LineSearchResult(NamedTuple):
    """Outcome of `line_search`.

    Attributes:
        params: New parameters, shape (P,); the old ones if no step length was accepted.
        accepted: Whether a step length was accepted.
        improvement: Decrease of the objective.
        kl: Mean KL divergence between old and new policies, in nats.
        tried: Step lengths tried.
    """

    params: Tensor
    accepted: bool
    improvement: float
    kl: float
    tried: int


def search_direction(
    gradient: Tensor,
    curvature: Callable[[Tensor], Tensor],  # v -> A v
    config: TrustRegionConfig,
) -> Direction:
    """Minimises gradient^T x subject to x^T (A + damping) x / 2 <= max_kl.

    Args:
        gradient: Gradient of the objective, shape (P,).
        curvature: Multiplies by A, the Hessian of the mean KL divergence.
        config: Bound, damping and effort.

    Returns:
        The step x and how it was found; 0 where the gradient is 0.
    """
    norm = float(gradient.norm())
    if norm == 0:
        return Direction(torch.zeros_like(gradient), 0, 0.0)
    solution, residual, iterations, _ = conjugate_gradient(
        lambda v: curvature(v) + config.damping * v,
        -gradient / norm,  # scaled, so that the tolerance is relative
        config.cg_iterations,
        config.cg_tolerance,
    )
    quadratic = solution @ (-gradient / norm - residual)
    return Direction((2 * config.max_kl / quadratic).sqrt() * solution, iterations, float(residual.norm()))


def line_search(
    params: Tensor,
    direction: Tensor,
    evaluate: Callable[[Tensor], tuple[float, float]],  # parameters -> (objective, mean KL)
    config: TrustRegionConfig,
) -> LineSearchResult:
    """Takes the longest of a geometric series of steps that lowers the objective and keeps the bound.

    Args:
        params: Parameters to start from, shape (P,).
        direction: The full step, shape (P,).
        evaluate: The objective, and the mean KL divergence from the policies at `params`.
        config: Bound and step lengths.

    Returns:
        The step taken, or the old parameters.

    Raises:
        LearningError: If the objective is not finite at the old parameters.
    """
    start, _ = evaluate(params)
    if not isfinite(start):
        raise LearningError("the surrogate after adaptation is not finite")
    for tried in range(config.line_search_steps):
        candidate = params + config.line_search_decay**tried * direction
        objective, kl = evaluate(candidate)
        if isfinite(objective) and isfinite(kl) and objective < start and kl <= config.max_kl:
            return LineSearchResult(candidate, True, start - objective, kl, tried + 1)
    return LineSearchResult(params, False, 0.0, 0.0, config.line_search_steps)
