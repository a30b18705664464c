"""From a policy's actions to the environment's."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Self

import gymnasium
import numpy as np
from gymnasium.spaces import Box, Discrete

from mamlrl.envs import TaskEnv
from mamlrl.envs.arrays import Array
from mamlrl.errors import UserError

ABSURD = 1e6  # times the bounds of an action space


@dataclass(frozen=True)
class ActionScaling:
    """Maps a policy's actions in [-bound, bound] to the range of an action space.

    Attributes:
        scale: Factor on each action dimension, shape (A,).
        centre: Action of the environment that 0 stands for, shape (A,).
    """

    scale: Array
    centre: Array

    @classmethod
    def of(cls, space: gymnasium.Space[Any], bound: float) -> Self | None:
        """Returns the scaling to a space, or None if the space has no bounds.

        Args:
            space: Space of one sub-environment's actions.
            bound: Action of the policy that stands for the bounds of the space.
        """
        if not isinstance(space, Box) or not space.is_bounded():
            return None
        low, high = space.low.astype(np.float64), space.high.astype(np.float64)
        half_range = high / 2 - low / 2  # the range itself may be too large for a number
        return cls(half_range / bound, low + half_range)

    def on_device(self, env: TaskEnv) -> Self:
        """Returns the scaling of actions that are arrays of an environment's device."""
        scale, centre = (env.xp.asarray(array, device=env.device) for array in (self.scale, self.centre))
        return replace(self, scale=scale, centre=centre)

    def __call__(self, actions: Array) -> Array:
        """Scales actions, shape (..., A)."""
        return actions * self.scale + self.centre


def absurd_magnitude(space: gymnasium.Space[Any], scaling: ActionScaling | None, bound: float) -> float:
    """Returns the magnitude of a policy's actions above which something is wrong: far outside of a space.

    Args:
        space: Space of one sub-environment's actions.
        scaling: What the actions are rescaled by, if they are.
        bound: Action of the policy that stands for the bounds of the space, if they are rescaled.
    """
    if scaling is not None:
        return ABSURD * bound
    bounds = np.append(space.low, space.high) if isinstance(space, Box) else np.zeros(0)
    return ABSURD * float(np.abs(bounds[np.isfinite(bounds)], dtype=np.float64).max(initial=1.0))


def check_room(name: str, space: gymnasium.Space[Any]) -> None:
    """Refuses an action space that leaves nothing to choose.

    Args:
        name: Id of the environment, for the message.
        space: Space of one sub-environment's actions.

    Raises:
        UserError: If a dimension has one value only, or there is one action only.
    """
    if isinstance(space, Discrete) and space.n == 1:
        raise UserError(f"env.id: {name} leaves nothing to choose: its action space {space} has one action only")
    if isinstance(space, Box) and (narrow := np.flatnonzero(~(space.low < space.high))).size:
        low, high = space.low.flat[narrow[0]], space.high.flat[narrow[0]]
        raise UserError(
            f"env.id: {name} leaves nothing to choose: dimension {narrow[0]} of its action space {space} goes "
            f"from {low} to {high}; remove it from the actions"
        )
