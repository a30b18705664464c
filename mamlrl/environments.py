"""Making task environments and devices from configs, with errors a user can act on."""

from __future__ import annotations

import difflib

import gymnasium
import torch

from mamlrl.config import EnvConfig
from mamlrl.envs import NAMESPACE, TaskVectorEnv
from mamlrl.errors import UserError


def make_task_env(config: EnvConfig, num_envs: int, render_mode: str | None = None) -> TaskVectorEnv:
    """Makes a vector environment over tasks and episodes.

    Args:
        config: Id and keyword arguments.
        num_envs: Number of sub-environments.
        render_mode: None or `rgb_array`.

    Raises:
        UserError: If the id does not exist, is not a task environment, or refuses the arguments.
    """
    known = sorted(name for name in gymnasium.registry if name.startswith(f"{NAMESPACE}/"))
    try:
        env = gymnasium.make_vec(
            config.id,
            num_envs=num_envs,
            vectorization_mode="vector_entry_point",
            render_mode=render_mode,
            **config.kwargs,
        )
    except (gymnasium.error.UnregisteredEnv, ModuleNotFoundError):
        nearest = difflib.get_close_matches(config.id, known, n=1, cutoff=0.0)
        raise UserError(f"env.id: no environment {config.id}; did you mean {nearest[0]}?") from None
    except gymnasium.error.Error as error:
        raise UserError(f"env.id: {config.id} cannot be made: {error}; there are: {', '.join(known)}") from None
    except (TypeError, ValueError) as error:
        raise UserError(f"env.kwargs: {config.id} refuses {config.kwargs}: {error}") from None
    if not isinstance(env, TaskVectorEnv):
        raise UserError(f"env.id: {config.id} is not a task environment; there are: {', '.join(known)}")
    return env


def make_device(name: str) -> torch.device:
    """Returns a device that exists.

    Raises:
        UserError: If there is no such device.
    """
    try:
        device = torch.device(name)
        torch.zeros(1, device=device)
    except (RuntimeError, AssertionError, NotImplementedError):
        found = ["cpu", *(f"cuda:{index}" for index in range(torch.cuda.device_count()))]
        raise UserError(f"device: there is no {name} here; there are: {', '.join(found)}") from None
    return device
