"""Markers that show the task in pictures of simulated bodies: arrows and posts in the world."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

ARROW_HEIGHT = 0.5  # metres above the torso
POST_HEIGHT = 1.0  # metres


@dataclass(frozen=True)
class Arrow:
    """An arrow between two points of the world, in metres, each of shape (3,)."""

    start: NDArray[np.float64]
    end: NDArray[np.float64]


@dataclass(frozen=True)
class Post:
    """A thin cylinder between two points of the world, in metres, each of shape (3,)."""

    start: NDArray[np.float64]
    end: NDArray[np.float64]


def arrow_above(torso: NDArray[np.float64], vector: NDArray[np.float64]) -> Arrow:
    """Returns a horizontal arrow that floats above a torso.

    Args:
        torso: The torso's position, shape (3,).
        vector: The arrow's extent along x, or along x and y, in metres.
    """
    start = torso + np.array([0.0, 0.0, ARROW_HEIGHT])
    return Arrow(start, start + np.pad(vector, (0, 3 - len(vector))))


def post_at(point: NDArray[np.float64]) -> Post:
    """Returns a post that stands on a point (x, y) of the floor."""
    return Post(np.array([*point, 0.0]), np.array([*point, POST_HEIGHT]))
