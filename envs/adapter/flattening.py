"""Observations of any space that Gymnasium can flatten, as vectors."""

from __future__ import annotations

import textwrap
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import gymnasium
import numpy as np
from gymnasium.spaces import Box, Dict, Discrete, MultiBinary, MultiDiscrete, OneOf, Space, Tuple
from gymnasium.spaces.utils import flatdim
from gymnasium.wrappers import FlattenObservation

from mamlrl.errors import FOREIGN_ERRORS, UserError

MOST_NUMBERS = 64 * 64 * 3  # of an observation
FLAT = (Box, Discrete, MultiDiscrete, MultiBinary)


def is_vector(space: Space[Any]) -> bool:
    """Returns whether observations of a space are vectors already."""
    return isinstance(space, Box) and len(space.shape) == 1


class FlatObservation(FlattenObservation[Any, Any, Any]):
    """Flattens observations by Gymnasium's rules: numbers as they are, choices as one-hot vectors, in order.

    Gymnasium flattens observations of another shape than their space, and choices that are none of it, to
    something that looks right; here they raise a ValueError.

    Args:
        env: The environment.
    """

    def observation(self, observation: Any) -> Any:
        """Flattens an observation."""
        _check(self.env.observation_space, observation, "observation")
        return super().observation(observation)


def flattened(
    make_env: Callable[..., gymnasium.Env[Any, Any]], name: str
) -> Callable[..., gymnasium.Env[Any, Any]]:
    """Returns what makes the same environments with observations that are vectors.

    Args:
        make_env: Makes an environment; it raises a UserError then if its observations cannot be flattened, or have
            more than `MOST_NUMBERS` numbers.
        name: Name of the environment in messages.
    """

    def make(**kwargs: Any) -> gymnasium.Env[Any, Any]:
        env = make_env(**kwargs)
        try:
            _check_space(name, env.observation_space)
        except UserError:
            with suppress(*FOREIGN_ERRORS):
                env.close()
            raise
        return env if is_vector(env.observation_space) else FlatObservation(env)

    return make


def _check_space(name: str, space: Space[Any]) -> None:
    """Refuses a space that has no vectors, or too long ones."""
    shown = textwrap.shorten(str(space), 100, placeholder=" ...")
    other = next((part for part in _parts(space) if not isinstance(part, FLAT)), None)
    if other is not None:
        raise UserError(
            f"env.id: {name} has observations {shown}; {type(other).__name__} cannot be flattened to a vector of "
            "numbers; give it others (gymnasium.wrappers.TransformObservation)"
        )
    size = flatdim(space)
    if size > MOST_NUMBERS:
        raise UserError(
            f"env.id: {name} has observations of {size} numbers, {shown}; a policy takes at most {MOST_NUMBERS} "
            "(64 x 64 pixels in colour): make them smaller (gymnasium.wrappers.ResizeObservation, "
            "GrayscaleObservation)"
        )


def _parts(space: Space[Any]) -> list[Space[Any]]:
    """Returns the spaces that a space is composed of."""
    if isinstance(space, Dict):
        inside = list(space.spaces.values())
    elif isinstance(space, Tuple | OneOf):
        inside = list(space.spaces)
    else:
        return [space]
    return [part for each in inside for part in _parts(each)]


def _check(space: Space[Any], observation: Any, where: str) -> None:
    """Raises a ValueError for another structure, shape or type; the bounds of a Box do not matter."""
    if isinstance(space, Dict):
        if not hasattr(observation, "keys") or set(observation.keys()) != set(space.spaces):
            raise ValueError(
                f"{where} must have the keys {', '.join(map(str, space.spaces))}, {_got(observation)}"
            )
        for key, part in space.spaces.items():
            _check(part, observation[key], f"{where}[{key!r}]")
    elif isinstance(space, Tuple):
        if not isinstance(observation, tuple | list) or len(observation) != len(space.spaces):
            raise ValueError(f"{where} must be a tuple of {len(space.spaces)}, {_got(observation)}")
        for index, part in enumerate(space.spaces):
            _check(part, observation[index], f"{where}[{index}]")
    elif isinstance(space, Box):
        array = np.asarray(observation)
        if array.shape != space.shape or not np.can_cast(array.dtype, np.dtype(space.dtype), "same_kind"):
            raise ValueError(
                f"{where} must have shape {space.shape} and type {space.dtype}, got shape {array.shape} and type "
                f"{array.dtype}"
            )
    elif not space.contains(observation):
        raise ValueError(f"{where} must be in {space}, {_got(observation)}")


def _got(observation: Any) -> str:
    if hasattr(observation, "keys"):
        return f"got the keys {', '.join(map(str, observation.keys()))}"
    return f"got {textwrap.shorten(repr(observation), 60, placeholder=' ...')}"
