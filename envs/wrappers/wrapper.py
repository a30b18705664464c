"""The contract of wrappers: a task environment around another one."""

from __future__ import annotations

from typing import Any

import numpy as np
from gymnasium.vector import VectorWrapper
from numpy.typing import NDArray

from mamlrl.envs.task_env import Frame, TaskEnv


class TaskWrapper(VectorWrapper[Any, Any, Any, Any, Any], TaskEnv):  # type: ignore[misc]  # seeds of tasks
    """Forwards everything to a task environment; subclasses override what they change.

    A subclass that changes a space, the horizon or the task space sets the attribute of that name on itself, where
    it hides the inner environment's. Attributes beyond the contract, such as the `simulator` of simulated bodies,
    are the inner environment's, too. Wrappers can be put around wrappers.

    Args:
        env: The environment to wrap.

    Attributes:
        env: The environment inside.
    """

    env: TaskEnv

    def __init__(self, env: TaskEnv) -> None:
        super().__init__(env)

    def __getattr__(self, name: str) -> Any:
        """Reads public attributes that the wrapper has not set from the environment inside."""
        if name.startswith("_") or name == "env":  # `env` itself is missing while a copy is being made
            raise AttributeError(f"{type(self).__name__} has no attribute {name!r}")
        return getattr(self.env, name)

    @property
    def xp(self) -> Any:
        """The array API's namespace of the environment's arrays."""
        return self.env.xp

    @property
    def device(self) -> Any:
        """Where the environment's arrays live."""
        return self.env.device

    @property
    def frame_size(self) -> int:
        """Height and width of pictures, in pixels; may be set before the first is drawn."""
        return self.env.frame_size

    @frame_size.setter
    def frame_size(self, size: int) -> None:
        self.env.frame_size = size

    @property
    def takes_task_seeds(self) -> bool:  # type: ignore[override]
        """See `TaskEnv`."""
        return self.env.takes_task_seeds

    def sample_tasks(self, rng: np.random.Generator, num_tasks: int) -> NDArray[np.float64]:
        """See `TaskEnv.sample_tasks`."""
        return self.env.sample_tasks(rng, num_tasks)

    def sample_validation_tasks(self, rng: np.random.Generator, num_tasks: int) -> NDArray[np.float64]:
        """See `TaskEnv.sample_validation_tasks`."""
        return self.env.sample_validation_tasks(rng, num_tasks)

    def sample_test_tasks(self, rng: np.random.Generator, num_tasks: int) -> NDArray[np.float64]:
        """See `TaskEnv.sample_test_tasks`."""
        return self.env.sample_test_tasks(rng, num_tasks)

    def set_tasks(self, tasks: NDArray[np.float64]) -> None:
        """See `TaskEnv.set_tasks`."""
        self.env.set_tasks(tasks)

    def describe_task(self, task: NDArray[np.float64]) -> str:
        """See `TaskEnv.describe_task`."""
        return self.env.describe_task(task)

    def render(self) -> tuple[Frame, ...] | None:
        """See `TaskEnv.render`."""
        return self.env.render()
