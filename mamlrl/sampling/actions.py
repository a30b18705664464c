"""From a policy's actions to the environment's."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Self

import gymnasium
import numpy as np
from gymnasium.spaces import Box
from numpy.typing import NDArray


@dataclass(frozen=True)
class ActionScaling:
    """Maps a policy's actions in [-bound, bound] to the range of an action space.

    Attributes:
        scale: Factor on each action dimension, shape (A,).
        centre: Action of the environment that 0 stands for, shape (A,).
    """

    scale: NDArray[np.float64]
    centre: NDArray[np.float64]

    @classmethod
    def of(cls, space: gymnasium.Space[Any], bound: float) -> Self | None:
        """Returns the scaling to a space, or None if the space has no bounds.

        Args:
            space: Space of one sub-environment's actions.
            bound: Action of the policy that stands for the bounds of the space.
        """
        if not isinstance(space, Box) or not space.is_bounded():
            return None
        half_range = (space.high.astype(np.float64) - space.low) / 2
        return cls(half_range / bound, space.low + half_range)

    def __call__(self, actions: NDArray[Any]) -> NDArray[np.float64]:
        """Scales actions, shape (..., A)."""
        return actions * self.scale + self.centre
