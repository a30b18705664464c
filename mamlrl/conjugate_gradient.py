"""Conjugate gradient on many systems at once, without their matrices."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

from mamlrl.finite import check_finite

LOGGER = logging.getLogger(__name__)


class ConjugateGradientResult(NamedTuple):
    """Outcome of `conjugate_gradient`.

    Attributes:
        solution: x, approximately, shape (..., P).
        residual: b - A x, as the recurrence carries it, shape (..., P).
        iterations: Number of products taken.
        indefinite: Which systems were given up because A was found not to be positive definite, shape (...).
    """

    solution: Tensor
    residual: Tensor
    iterations: int
    indefinite: Tensor


def conjugate_gradient(
    matvec: Callable[[Tensor], Tensor],  # x -> A x
    b: Tensor,
    max_iterations: int = 10,
    tolerance: float = 1e-10,
) -> ConjugateGradientResult:
    """Solves A x = b for symmetric positive definite A (Hestenes & Stiefel 1952), from x = 0, many at once.

    A system that meets a direction p with p^T A p <= 0 keeps the x it has, or b if that was the first
    direction.

    Args:
        matvec: Multiplies by A, the A of each system where there are several.
        b: Right-hand sides, shape (..., P).
        max_iterations: Maximum number of products with A.
        tolerance: Squared norm of the residual, relative to that of b, at which to stop.

    Returns:
        The solutions and how they were reached.

    Raises:
        LearningError: If a right-hand side or a product with A is not finite, or its square is too large.
    """
    solution, residual, direction = torch.zeros_like(b), b, b
    squared = _dot(residual, residual)
    check_finite("the squared norm of a right-hand side of conjugate gradient", squared)
    enough = tolerance * squared
    active, indefinite = squared > enough, torch.zeros_like(squared, dtype=torch.bool)
    iterations = 0
    while iterations < max_iterations and bool(active.any()):
        product = matvec(direction)
        curvature = _dot(direction, product)
        check_finite("the curvature along a direction of conjugate gradient", curvature)
        indefinite |= active & (curvature <= 0)
        active &= curvature > 0
        step = torch.where(active, squared / curvature, 0.0)
        solution = solution + step * direction
        residual = residual - step * product
        previous, squared = squared, _dot(residual, residual)
        direction = residual + torch.where(active, squared / previous, 0.0) * direction
        active &= squared > enough
        iterations += 1
        if iterations == 1:
            solution = torch.where(indefinite, b, solution)
    return ConjugateGradientResult(solution, residual, iterations, indefinite[..., 0])


def warn_of_surplus_iterations(key: str, iterations: int, size: int) -> None:
    """Logs a warning if conjugate gradient may take more iterations than the system has unknowns.

    Args:
        key: Name of the setting.
        iterations: Value of the setting.
        size: Number of unknowns.
    """
    if iterations > size:
        LOGGER.warning(
            "mamlrl: warning: %s: %d is more than the %d parameters, which are enough but for rounding",
            key,
            iterations,
            size,
        )


def _dot(x: Tensor, y: Tensor) -> Tensor:
    """Inner products along the last axis, which is kept with length 1."""
    return (x * y).sum(dim=-1, keepdim=True)
