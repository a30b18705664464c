"""Observations that include the task, for an oracle: a policy that need not find out what to do."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from gymnasium.spaces import Box
from gymnasium.vector.utils import batch_space

from mamlrl.envs.arrays import Array
from mamlrl.envs.task_env import TaskEnv
from mamlrl.envs.wrappers.wrapper import TaskWrapper


class TaskObservation(TaskWrapper):
    """Appends the task's parameters to the observations.

    A policy of such observations is the oracle that Finn et al. (2017, section 5.3) compare with.

    Args:
        env: The environment to wrap; its observations are vectors.

    Raises:
        ValueError: If the observations of the environment are not vectors.
    """

    def __init__(self, env: TaskEnv) -> None:
        super().__init__(env)
        observed, tasks = env.single_observation_space, env.task_space
        if not isinstance(observed, Box) or len(observed.shape) != 1:
            raise ValueError(f"tasks can be appended to observations that are vectors, not to {observed}")
        low, high = np.append(observed.low, tasks.low), np.append(observed.high, tasks.high)
        self.single_observation_space = Box(low, high, dtype=np.float64)
        self.observation_space = batch_space(self.single_observation_space, env.num_envs)

    def reset(
        self, *, seed: int | Sequence[int] | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Array, dict[str, Any]]:
        """See `TaskEnv.reset`."""
        observations, info = self.env.reset(seed=seed, options=options)
        return self._with_tasks(observations), info

    def step(self, actions: Array) -> tuple[Array, Array, Array, Array, dict[str, Any]]:
        """See `TaskEnv.step`."""
        observations, rewards, terminated, truncated, info = self.env.step(actions)
        return self._with_tasks(observations), rewards, terminated, truncated, info

    def _with_tasks(self, observations: Array) -> Array:
        xp = self.xp
        parts = (xp.asarray(part, dtype=xp.float64) for part in (observations, self.tasks))
        return xp.concat([part.reshape(self.num_envs, -1) for part in parts], axis=1)
