"""Numbers that stopped being finite: found at the cost of a sum, named, and never used."""

from __future__ import annotations

from math import isfinite

from torch import Tensor

from mamlrl.errors import LearningError


def is_finite(values: Tensor) -> bool:
    """Says whether all numbers are finite; a sum tells, unless it overflows itself."""
    return isfinite(float(values.sum())) or bool(values.isfinite().all())


def check_finite(what: str, values: Tensor, outer: bool = False) -> None:
    """Raises a LearningError if a number is not finite.

    Args:
        what: What one of the numbers is, such as `a meta-parameter`.
        values: Numbers of any shape.
        outer: Whether it is the outer step that made them.
    """
    if not is_finite(values):
        raise LearningError(f"{what} is not finite", outer)


def check_tasks_finite(what: str, values: Tensor) -> None:
    """Raises a LearningError that names the first task that has a number that is not finite.

    Args:
        what: What one of the numbers is.
        values: Shape (task, ...).
    """
    if not is_finite(values):
        task = int((~values.isfinite()).flatten(1).any(dim=1).nonzero()[0])
        raise LearningError(f"{what} of task {task} is not finite")
