"""Spaces of observations and actions as plain values, for checkpoints to hold."""

from __future__ import annotations

from typing import Any

import gymnasium
import numpy as np
from gymnasium.spaces import Box, Discrete, MultiBinary, MultiDiscrete

from mamlrl.envs import TaskEnv
from mamlrl.errors import UserError
from mamlrl.sampling.settings import SamplingConfig


def plain_space(space: gymnasium.Space[Any]) -> dict[str, Any]:
    """Describes a space by numbers, strings and lists.

    Raises:
        UserError: If it is no Box, Discrete, MultiDiscrete or MultiBinary.
    """
    if isinstance(space, Box):
        return {"kind": "box", "low": space.low.tolist(), "high": space.high.tolist(), "dtype": str(space.dtype)}
    if isinstance(space, Discrete):
        return {"kind": "discrete", "n": int(space.n), "start": int(space.start)}
    if isinstance(space, MultiDiscrete):
        values = {"n": space.nvec.tolist(), "start": space.start.tolist(), "dtype": str(space.dtype)}
        return {"kind": "multi_discrete", **values}
    if isinstance(space, MultiBinary):
        return {"kind": "multi_binary", "n": space.n if isinstance(space.n, int) else list(space.shape)}
    raise UserError(f"cannot describe the space {space}: it must be a Box, Discrete, MultiDiscrete or MultiBinary")


def restore_space(plain: dict[str, Any]) -> gymnasium.Space[Any]:
    """Returns the space that `plain_space` described."""
    if plain["kind"] == "box":
        dtype = np.dtype(plain["dtype"])
        return Box(np.array(plain["low"], dtype), np.array(plain["high"], dtype), dtype=dtype.type)
    if plain["kind"] == "multi_discrete":
        n, start = np.array(plain["n"]), np.array(plain["start"])
        return MultiDiscrete(n, np.dtype(plain["dtype"]).type, start=start)
    if plain["kind"] == "multi_binary":
        return MultiBinary(plain["n"])
    return Discrete(plain["n"], start=plain["start"])


def plain_interface(env: TaskEnv, sampling: SamplingConfig) -> dict[str, Any]:
    """Describes what a policy needs to act without its environment: spaces, and the scaling of its actions.

    Args:
        env: Environment that the policy acts in.
        sampling: How episodes are collected.

    Returns:
        `observation_space`, `action_space`, and `action_scaling`, None where actions are used as they are.
    """
    scaling = sampling.action_scaling(env.single_action_space)
    return {
        "observation_space": plain_space(env.single_observation_space),
        "action_space": plain_space(env.single_action_space),
        "action_scaling": scaling and {"scale": scaling.scale.tolist(), "centre": scaling.centre.tolist()},
    }
