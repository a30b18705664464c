"""Checks of task environments when they are made: size, horizon, tasks."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from gymnasium.spaces import Box

from mamlrl.envs import TaskEnv
from mamlrl.envs.adapter.task_source import Split
from mamlrl.envs.adapter.vector_env import GymnasiumVectorEnv
from mamlrl.errors import UserError
from mamlrl.sampling.checked_env import CheckedEnv
from mamlrl.sampling.episode_info import info_numbers

_OF_SPLITS: dict[Split, tuple[str, str]] = {  # what they are called, and what to do if they are too few
    "train": ("", "lower meta_batch_size, or give more"),
    "validation": (
        "validation ",
        "lower evaluation.validation_tasks, or give more (env.validation_tasks, sample_validation_tasks; "
        "of Meta-World, env.kwargs.validation_goals)",
    ),
    "test": ("", "lower evaluation.tasks, or give more, see env.test_tasks"),
}


def check_attributes(name: str, env: TaskEnv, num_envs: int) -> None:
    """Refuses an environment whose size, horizon or tasks are not what `TaskEnv` promises."""
    horizon, task_space = getattr(env, "horizon", None), getattr(env, "task_space", None)
    if env.num_envs != num_envs:
        raise UserError(f"env.id: {name} has num_envs {env.num_envs}; it was asked for {num_envs}")
    if isinstance(horizon, bool) or not isinstance(horizon, int | np.integer) or horizon < 1:
        raise UserError(f"env.id: {name} has horizon {horizon}; it must be a whole number of at least 1")
    if not isinstance(task_space, Box):
        raise UserError(f"env.id: {name} has task_space {task_space}; it must be a Box")


def check_enough_tasks(name: str, env: TaskEnv, num_tasks: int, split: Split | None = None) -> None:
    """Refuses an environment that has fewer tasks in its list than are sampled at the same time.

    Args:
        name: Of the environment.
        env: The environment.
        num_tasks: Tasks of a meta-batch, or of an evaluation.
        split: Which tasks are to be drawn; None for those to train on, and those to evaluate on.

    Raises:
        UserError: If there are fewer.
    """
    family = env.unwrapped
    if not isinstance(family, GymnasiumVectorEnv):
        return
    splits: tuple[Split, ...] = ("train", "test") if split is None else (split,)
    for each in splits:
        count = family.task_source.count(each)
        if count is not None and count < num_tasks:
            kind, remedy = _OF_SPLITS[each]
            raise UserError(
                f"env.id: {name} has {count} {kind}tasks, and {num_tasks} different ones are needed; {remedy}"
            )


def check_info(env: TaskEnv, keys: Sequence[str]) -> None:
    """Refuses an environment whose info lacks keys that are to be read, before anything is learned or written.

    Ordinary environments are asked when they are made, see `check_episode`.

    Args:
        env: The environment, whose episodes begin anew.
        keys: Keys of info.

    Raises:
        TaskEnvError: If a key is missing after the first step, or has no number for each sub-environment.
    """
    if not keys or isinstance(env.unwrapped, GymnasiumVectorEnv):
        return
    checked = CheckedEnv(env)
    checked.reset(seed=0)
    env.action_space.seed(0)
    checked.step(env.xp.asarray(env.action_space.sample(), device=env.device))
    info_numbers(env, checked, keys)
