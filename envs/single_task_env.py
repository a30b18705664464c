"""Task families as ordinary Gymnasium environments: the same code with one sub-environment."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

import gymnasium
import numpy as np
from gymnasium.envs.registration import EnvSpec
from numpy.typing import NDArray

from mamlrl.envs.arguments import check_array, check_options
from mamlrl.envs.task_env import Frame
from mamlrl.envs.task_vector_env import TaskVectorEnv, with_horizon


class SingleTaskEnv(gymnasium.Env[Any, Any]):
    """A task family as an ordinary Gymnasium environment; `single_task_env` makes the subclasses.

    Args:
        render_mode: None or `rgb_array`.
        **kwargs: Arguments of the family's vector environment.

    Attributes:
        vector_env_class: The family; set by subclasses.
        vector_env: The vector environment, of one sub-environment.
    """

    metadata: dict[str, Any] = {"render_modes": ["rgb_array"], "render_fps": 10}  # noqa: RUF012
    vector_env_class: ClassVar[Callable[..., TaskVectorEnv]]
    _spec: EnvSpec | None = None

    def __init__(self, *, render_mode: str | None = None, **kwargs: Any) -> None:
        self.vector_env = type(self).vector_env_class(num_envs=1, render_mode=render_mode, **kwargs)
        self.render_mode = render_mode
        self.metadata = {**self.metadata, "render_fps": self.vector_env.metadata["render_fps"]}
        self.observation_space = self.vector_env.single_observation_space
        self.action_space = self.vector_env.single_action_space

    @property
    def spec(self) -> EnvSpec | None:
        """Gymnasium's specification, which `gymnasium.make` sets; `max_episode_steps` is the horizon."""
        return self._spec

    @spec.setter
    def spec(self, spec: EnvSpec | None) -> None:
        self._spec = with_horizon(spec, self.vector_env.horizon)

    def sample_tasks(self, rng: np.random.Generator, num_tasks: int) -> NDArray[np.float64]:
        """Draws tasks to train on; see `TaskEnv.sample_tasks`."""
        return self.vector_env.sample_tasks(rng, num_tasks)

    def sample_test_tasks(self, rng: np.random.Generator, num_tasks: int) -> NDArray[np.float64]:
        """Draws tasks to evaluate on; see `TaskEnv.sample_test_tasks`."""
        return self.vector_env.sample_test_tasks(rng, num_tasks)

    def set_task(self, task: NDArray[np.float64]) -> None:
        """Fixes the task for all episodes to come; without it, every reset samples one.

        Raises:
            ValueError: If the shape does not fit or the task lies outside the task space.
        """
        task, expected = check_array("the task", task), self.vector_env.task_space.shape
        if task.shape != expected:
            raise ValueError(f"the task must have shape {expected}, got {task.shape}")
        self.vector_env.set_tasks(task[None])

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[NDArray[Any], dict[str, Any]]:
        """Starts an episode; there are no options, and others than none raise a ValueError."""
        check_options(options, [])
        super().reset(seed=seed)
        observations, info = self.vector_env.reset(seed=seed)
        return observations[0], info

    def step(self, action: NDArray[Any]) -> tuple[NDArray[Any], float, bool, bool, dict[str, Any]]:
        """Takes one step; see `TaskEnv.step`."""
        observations, rewards, terminated, truncated, info = self.vector_env.step(np.asarray(action)[None])
        info = {key: values[0] for key, values in info.items()}
        return observations[0], float(rewards[0]), bool(terminated[0]), bool(truncated[0]), info

    def render(self) -> Frame | None:
        """Draws the environment, shape (height, width, 3)."""
        frames = self.vector_env.render()
        return None if frames is None else frames[0]

    def close(self) -> None:
        """Releases the vector environment."""
        self.vector_env.close()


def single_task_env(vector_env_class: type[TaskVectorEnv]) -> type[SingleTaskEnv]:
    """Makes the ordinary Gymnasium environment of a task family.

    Args:
        vector_env_class: The family; its name should end in `VectorEnv`.

    Returns:
        A class of the same module whose name ends in `Env` instead. Assign it to that name in the module, so that
        entry points and pickles find it.

    Example:
        >>> from mamlrl.envs.navigation import Navigation2DVectorEnv
        >>> single_task_env(Navigation2DVectorEnv).__name__
        'Navigation2DEnv'
    """
    name, qualified_name = (
        each.removesuffix("VectorEnv") + "Env"
        for each in (vector_env_class.__name__, vector_env_class.__qualname__)
    )
    namespace = {
        "__module__": vector_env_class.__module__,
        "__qualname__": qualified_name,
        "__doc__": f"An ordinary Gymnasium environment of one task; see `{vector_env_class.__name__}`.",
        "vector_env_class": vector_env_class,
    }
    return type(name, (SingleTaskEnv,), namespace)
