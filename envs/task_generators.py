"""Random numbers of sub-environments, those of each task from a generator of its own."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

Draw = Callable[[np.random.Generator, int], tuple[NDArray[Any], ...]]  # arrays with a leading axis of that length


def task_generators(seeds: Sequence[int], num_envs: int) -> list[np.random.Generator]:
    """Returns a generator for each seed.

    Args:
        seeds: One for each of equal consecutive groups of sub-environments, such as those of a task.
        num_envs: Number of sub-environments.

    Raises:
        ValueError: If they are not whole numbers from 0, or do not divide the sub-environments equally.
    """
    if not seeds or num_envs % len(seeds):
        raise ValueError(f"{len(seeds)} seeds do not divide {num_envs} sub-environments equally")
    for seed in seeds:
        if isinstance(seed, bool) or not isinstance(seed, int | np.integer) or seed < 0:
            raise ValueError(f"seed must be whole numbers of at least 0, got {list(seeds)}")
    return [np.random.default_rng(seed) for seed in seeds]


def draw_by_task(
    generators: Sequence[np.random.Generator], chosen: NDArray[np.bool_], draw: Draw
) -> tuple[NDArray[Any], ...]:
    """Draws random numbers for chosen sub-environments, with one call for each task.

    Args:
        generators: One for each of equal consecutive groups of sub-environments.
        chosen: Which sub-environments, shape (num_envs,).
        draw: Draws arrays with a leading axis of a given length.

    Returns:
        The arrays, of all chosen sub-environments.
    """
    counts = chosen.reshape(len(generators), -1).sum(axis=1)
    parts = [draw(generator, int(count)) for generator, count in zip(generators, counts, strict=True)]
    return tuple(np.concatenate(arrays) for arrays in zip(*parts, strict=True))
