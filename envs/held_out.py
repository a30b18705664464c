"""Tasks to evaluate on that lie outside of those to train on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mamlrl.envs.arguments import check_number, check_range


def check_wider(name: str, value: float | None, inner: float) -> float:
    """Returns a range to evaluate on, or that to train on for None; refuses one that is not wider."""
    if value is None:
        return inner
    check_number(name, value, above=inner)
    return float(value)


def check_apart(name: str, bounds: Any, trained: tuple[float, float]) -> tuple[float, float]:
    """Returns (low, high) of a range to evaluate on, or that to train on for None; they must not overlap."""
    if bounds is None:
        return trained
    low, high = check_range(name, bounds)
    if low < trained[1] and high > trained[0]:
        raise ValueError(f"{name} must not overlap the range to train on, {list(trained)}, got {list(bounds)}")
    return low, high


def check_some(name: str, values: Any, count: int) -> list[int]:
    """Returns numbers from 0 to `count` - 1; refuses others, repetitions, and all of them."""
    is_list = isinstance(values, Sequence | np.ndarray) and not isinstance(values, str)
    numbers: list[Any] = list(values) if is_list else [None]
    whole = all(isinstance(each, int | np.integer) and not isinstance(each, bool) for each in numbers)
    if (
        not whole
        or len(set(numbers)) < len(numbers)
        or len(numbers) == count
        or not set(numbers) < set(range(count))
    ):
        raise ValueError(f"{name} must be some of the numbers from 0 to {count - 1}, and not all, got {values}")
    return [int(each) for each in numbers]


def sample_shell(
    rng: np.random.Generator, inner: float, outer: float, shape: tuple[int, int]
) -> NDArray[np.float64]:
    """Draws points uniformly from the cube [-outer, outer]^D outside of [-inner, inner]^D, shape (number, D).

    The largest coordinate has a density that grows with the surface of its cube; the others are uniform on a face.
    """
    number, dimensions = shape
    volumes = rng.uniform(inner**dimensions, outer**dimensions, number)
    points = rng.uniform(-1.0, 1.0, shape)
    points[np.arange(number), rng.integers(dimensions, size=number)] = rng.choice([-1.0, 1.0], number)
    return np.clip(volumes ** (1 / dimensions), inner, outer)[:, None] * points
