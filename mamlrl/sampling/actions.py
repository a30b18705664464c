"""From a policy's actions to the environment's."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Self

import gymnasium
import numpy as np
from gymnasium.spaces import Box, Discrete, MultiDiscrete
from numpy.typing import NDArray

from mamlrl.envs import TaskEnv
from mamlrl.envs.arrays import Array
from mamlrl.errors import UserError

ABSURD = 1e6  # times the bounds of an action space


@dataclass(frozen=True)
class ActionScaling:
    """Maps a policy's actions in [-bound, bound] to the range of an action space.

    Dimensions that lack a bound stay as they are.

    Attributes:
        scale: Factor on each action dimension, of the space's shape.
        centre: Action of the environment that 0 stands for, of the space's shape.
    """

    scale: Array
    centre: Array

    @classmethod
    def of(cls, space: gymnasium.Space[Any], bound: float) -> Self | None:
        """Returns the scaling to a space, or None if no dimension of the space has two bounds.

        Args:
            space: Space of one sub-environment's actions.
            bound: Action of the policy that stands for the bounds of the space.
        """
        if not isinstance(space, Box):
            return None
        bounded = np.isfinite(space.low) & np.isfinite(space.high)
        if not bounded.any():
            return None
        low, high = (np.where(bounded, ends.astype(np.float64), 0.0) for ends in (space.low, space.high))
        half_range = high / 2 - low / 2  # the range itself may be too large for a number
        return cls(np.where(bounded, half_range / bound, 1.0), low + half_range)

    def on_device(self, env: TaskEnv) -> Self:
        """Returns the scaling of actions that are arrays of an environment's device."""
        scale, centre = (env.xp.asarray(array, device=env.device) for array in (self.scale, self.centre))
        return replace(self, scale=scale, centre=centre)

    def __call__(self, actions: Array) -> Array:
        """Scales actions, shape (..., *scale.shape)."""
        return actions * self.scale + self.centre


def first_action(space: gymnasium.Space[Any]) -> NDArray[np.int64] | None:
    """Returns the action of a discrete space that the policy's 0 stands for; None where it is 0 itself."""
    start = np.asarray(space.start) if isinstance(space, Discrete | MultiDiscrete) else np.zeros(1)
    return start.astype(np.int64) if start.any() else None


def to_space(
    actions: Array, space: gymnasium.Space[Any], scaling: ActionScaling | None, first: Array | None, xp: Any = np
) -> Array:
    """Turns actions of a policy into the environment's, in fresh memory.

    Args:
        actions: Flat actions, shape (num_envs, A), or (num_envs,) if they are single choices.
        space: Space of one sub-environment's actions.
        scaling: What actions are rescaled by, if they are, on their device.
        first: What `first_action` returns for the space, on their device.
        xp: Namespace of the actions' arrays.

    Returns:
        Shape (num_envs, *space.shape); numbers beyond the bounds of the space are not clipped yet.
    """
    shaped = actions.reshape((len(actions), *(space.shape or ())))
    if scaling is not None:
        return scaling(shaped)
    return xp.asarray(shaped, copy=True) if first is None else shaped + first


def absurd_magnitude(space: gymnasium.Space[Any], scaling: ActionScaling | None, bound: float) -> float:
    """Returns the magnitude of a policy's actions above which something is wrong: far outside of a space.

    Args:
        space: Space of one sub-environment's actions.
        scaling: What the actions are rescaled by, if they are.
        bound: Action of the policy that stands for the bounds of the space, if they are rescaled.
    """
    if not isinstance(space, Box):
        return ABSURD
    bounds = np.stack([space.low, space.high]).astype(np.float64)
    if scaling is not None:
        whole = np.isfinite(bounds).all(axis=0)
        if whole.all():
            return ABSURD * bound
        bounds[:, whole] = bound
    return ABSURD * float(np.abs(bounds[np.isfinite(bounds)]).max(initial=1.0))


def _counts(space: Discrete | MultiDiscrete) -> NDArray[np.int64]:
    """Returns the number of values of each choice."""
    return np.asarray(space.n if isinstance(space, Discrete) else space.nvec)


def check_room(name: str, space: gymnasium.Space[Any]) -> None:
    """Refuses an action space that leaves nothing to choose.

    Args:
        name: Id of the environment, for the message.
        space: Space of one sub-environment's actions.

    Raises:
        UserError: If a dimension has one value only, or there is one action only.
    """
    if (isinstance(space, Discrete) and space.n == 1) or (
        isinstance(space, MultiDiscrete) and (space.nvec == 1).all()
    ):
        raise UserError(f"env.id: {name} leaves nothing to choose: its action space {space} has one action only")
    if isinstance(space, Box) and (narrow := np.flatnonzero(~(space.low < space.high))).size:
        low, high = space.low.flat[narrow[0]], space.high.flat[narrow[0]]
        raise UserError(
            f"env.id: {name} leaves nothing to choose: dimension {narrow[0]} of its action space {space} goes "
            f"from {low} to {high}; remove it from the actions"
        )
