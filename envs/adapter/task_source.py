"""The contract of task sources: what the tasks of an ordinary environment are."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, Literal

import gymnasium
import numpy as np
from gymnasium.spaces import Box
from numpy.typing import NDArray

Split = Literal["train", "validation", "test"]
SPLITS: tuple[Split, ...] = ("train", "validation", "test")


class TaskSource(ABC):
    """Draws tasks as arrays of numbers, and sets them in an environment.

    Attributes:
        space: Space of one task's numbers.
    """

    space: Box

    @abstractmethod
    def sample(self, rng: np.random.Generator, num_tasks: int) -> NDArray[np.float64]:
        """Draws tasks to train on, shape (num_tasks, *space.shape)."""

    def count(self, split: Split) -> int | None:
        """Returns how many tasks of a list a split has; None for as many as anybody wants."""
        return None

    def sample_validation(self, rng: np.random.Generator, num_tasks: int) -> NDArray[np.float64]:
        """Draws tasks to choose by, shape (num_tasks, *space.shape)."""
        return self.sample(rng, num_tasks)

    def sample_test(self, rng: np.random.Generator, num_tasks: int) -> NDArray[np.float64]:
        """Draws tasks to evaluate on, shape (num_tasks, *space.shape)."""
        return self.sample(rng, num_tasks)

    def keywords(self, task: NDArray[np.float64]) -> dict[str, Any]:
        """Returns the arguments that an environment of a task is made with, beside those of all tasks."""
        return {}

    @abstractmethod
    def set(self, env: gymnasium.Env[Any, Any], task: NDArray[np.float64]) -> None:
        """Sets a task in an environment that was made with its `keywords`."""

    def check_kept(self, env: gymnasium.Env[Any, Any], task: NDArray[np.float64]) -> None:
        """Raises a ValueError if an environment has not kept the task that was set before its reset.

        Only sources that can read a task out of an environment check anything.
        """
        return None

    @abstractmethod
    def describe(self, task: NDArray[np.float64]) -> str:
        """Says in a few words what a task is."""
