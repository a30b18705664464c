"""A task family of copies of an ordinary environment, one for each task and episode."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

from mamlrl.envs.adapter.sub_env import Recipe
from mamlrl.envs.adapter.workers import Workers
from mamlrl.envs.task_env import Frame
from mamlrl.envs.task_vector_env import TaskVectorEnv


class GymnasiumVectorEnv(TaskVectorEnv):
    """Copies of an ordinary environment, one for each task and episode; `task_env` and `env.id` make them.

    Args:
        num_envs: Number of sub-environments.
        recipe: What they are made of.
        workers: Processes that step them; 0 for this one alone.
        render_mode: None or `rgb_array`, which `recipe` then makes them with.
        metadata: The environment's own.
    """

    def __init__(
        self, num_envs: int, recipe: Recipe, workers: int, render_mode: str | None, metadata: Mapping[str, Any]
    ) -> None:
        spaces = (recipe.observation_space, recipe.action_space)
        super().__init__(num_envs, *spaces, recipe.tasks.space, recipe.horizon, render_mode)
        self.metadata = {**self.metadata, "render_fps": metadata.get("render_fps") or self.metadata["render_fps"]}
        self.task_source = recipe.tasks
        self._info_keys = recipe.info
        self._workers = Workers(recipe, num_envs, workers)
        self._observations: Any = None
        self._numbers = np.zeros((num_envs, len(recipe.info)))

    def sample_tasks(self, rng: np.random.Generator, num_tasks: int) -> NDArray[np.float64]:
        """See `TaskEnv.sample_tasks`."""
        return self.task_source.sample(rng, num_tasks)

    def sample_validation_tasks(self, rng: np.random.Generator, num_tasks: int) -> NDArray[np.float64]:
        """See `TaskEnv.sample_validation_tasks`."""
        return self.task_source.sample_validation(rng, num_tasks)

    def sample_test_tasks(self, rng: np.random.Generator, num_tasks: int) -> NDArray[np.float64]:
        """See `TaskEnv.sample_test_tasks`."""
        return self.task_source.sample_test(rng, num_tasks)

    def describe_task(self, task: NDArray[np.float64]) -> str:
        """See `TaskEnv.describe_task`."""
        return self.task_source.describe(task)

    def _start(self, chosen: NDArray[np.bool_]) -> None:
        everyone = np.ones(self.num_envs, dtype=np.bool_)  # as many seeds whoever is chosen
        (seeds,) = self._draw_states(everyone, lambda rng, number: (rng.integers(2**31, size=number),))
        self._observations = self._workers.reset(chosen, self.tasks, seeds)

    def _advance(
        self, actions: NDArray[Any], running: NDArray[np.bool_]
    ) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
        actions = actions.astype(self.single_action_space.dtype)
        self._observations, rewards, terminated, truncated, self._numbers = self._workers.step(actions)
        self._elapsed[running & truncated] = self.horizon - 1  # the environment's own limit; this step is added
        return rewards, terminated

    def _observe(self) -> NDArray[Any]:
        return np.array(self._observations)

    def _info(self) -> dict[str, NDArray[Any]]:
        return dict(zip(self._info_keys, self._numbers.T.copy(), strict=True))

    def render(self) -> tuple[Frame, ...] | None:
        """See `TaskEnv.render`."""
        if self.render_mode is None:
            return None
        size = (self.frame_size, self.frame_size)
        pictures = map(Image.fromarray, self._workers.pictures())
        return tuple(np.asarray(ImageOps.pad(picture, size, color="white")) for picture in pictures)

    def _draw(self, index: int) -> Frame:
        pictures = self.render()
        assert pictures is not None
        return pictures[index]

    def close_extras(self, **kwargs: Any) -> None:
        """Closes the environments and ends the processes."""
        self._workers.close()
