"""Distributions of tasks of several numbers: drawn independently, or rows of a list."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from mamlrl.envs.adapter.distributions import NumberDistribution

Row = tuple[float, ...]


class JointDistribution:
    """Tasks of one split.

    Args:
        distributions: Of the numbers of a task; lists together have a task in each of their places.

    Attributes:
        count: Number of tasks of a list; None where there is none.

    Raises:
        ValueError: If some are lists and others are not, or lists are not equally long.
    """

    def __init__(self, distributions: Sequence[NumberDistribution]) -> None:
        self._distributions = distributions
        lengths = {len(each.choices) if each.name == "list" else None for each in distributions}
        if len(lengths) > 1:
            raise ValueError("lists must be given for all keys or for none, and be equally long")
        self.count = lengths.pop()

    def sample(self, rng: np.random.Generator, num_tasks: int) -> NDArray[np.float64]:
        """Draws tasks, shape (num_tasks, number); those of a list are different ones if there are enough."""
        if self.count is None:
            return np.stack([each.sample(rng, num_tasks) for each in self._distributions], axis=1)
        rows = rng.choice(self.count, num_tasks, replace=num_tasks > self.count)
        return np.stack([each.numbers for each in self._distributions], axis=1)[rows]

    def common_with(self, other: JointDistribution) -> Row | None:
        """Returns a task that both can draw; None where that has probability 0.

        Example:
            >>> one, two = (JointDistribution([NumberDistribution("choice", each)]) for each in ([1, 2], [2, 3]))
            >>> one.common_with(two)
            (2.0,)
        """
        if not all(each.choices for each in (*self._distributions, *other._distributions)):
            return None
        if self.count is None and other.count is not None:
            return other.common_with(self)
        if self.count is None:
            pairs = zip(self._distributions, other._distributions, strict=True)
            shared = [np.intersect1d(one.numbers, two.numbers).tolist() for one, two in pairs]
            return tuple(each[0] for each in shared) if all(shared) else None
        rows = zip(*(each.numbers.tolist() for each in self._distributions), strict=True)
        return next((row for row in rows if other.can_draw(row)), None)

    def can_draw(self, row: Row) -> bool:
        """Whether a task is one of the list, or all of its numbers are among the choices."""
        if self.count is not None:
            return row in zip(*(each.numbers.tolist() for each in self._distributions), strict=True)
        return all(number in each.numbers for each, number in zip(self._distributions, row, strict=True))
