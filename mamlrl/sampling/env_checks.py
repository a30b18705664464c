"""Checks of task environments when they are made: size, horizon, tasks."""

from __future__ import annotations

import numpy as np
from gymnasium.spaces import Box

from mamlrl.envs import TaskEnv
from mamlrl.envs.adapter.vector_env import GymnasiumVectorEnv
from mamlrl.errors import UserError


def check_attributes(name: str, env: TaskEnv, num_envs: int) -> None:
    """Refuses an environment whose size, horizon or tasks are not what `TaskEnv` promises."""
    horizon, task_space = getattr(env, "horizon", None), getattr(env, "task_space", None)
    if env.num_envs != num_envs:
        raise UserError(f"env.id: {name} has num_envs {env.num_envs}; it was asked for {num_envs}")
    if isinstance(horizon, bool) or not isinstance(horizon, int | np.integer) or horizon < 1:
        raise UserError(f"env.id: {name} has horizon {horizon}; it must be a whole number of at least 1")
    if not isinstance(task_space, Box):
        raise UserError(f"env.id: {name} has task_space {task_space}; it must be a Box")


def check_enough_tasks(name: str, env: TaskEnv, num_tasks: int) -> None:
    """Refuses an environment that has fewer tasks in its list than are sampled at the same time.

    Args:
        name: Of the environment.
        env: The environment.
        num_tasks: Tasks of a meta-batch, or of an evaluation.

    Raises:
        UserError: If there are fewer.
    """
    family = env.unwrapped
    count = family.task_source.count if isinstance(family, GymnasiumVectorEnv) else None
    if count is not None and count < num_tasks:
        raise UserError(
            f"env.id: {name} has {count} tasks, and {num_tasks} different ones are needed; lower meta_batch_size "
            "or evaluation.tasks"
        )
