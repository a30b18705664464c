"""Tasks of Meta-World's benchmarks: an environment each, and a goal in it."""

from __future__ import annotations

import pickle
from collections.abc import Sequence
from itertools import groupby
from typing import Any

import gymnasium
import numpy as np
from numpy.typing import NDArray

from mamlrl.envs.adapter.own_tasks import ListedTasks


class BenchmarkTasks(ListedTasks):
    """The tasks of a benchmark of Meta-World.

    All environments get an equal number of the tasks that are drawn, which are ordered by environment. Where the
    number of environments does not divide that of the tasks, the rest is of environments drawn at random.

    Args:
        benchmark: Has `train_tasks` and `test_tasks`, ordered by environment.
        validation_goals: Number of goals of each environment to train on, the last ones, that are kept for
            validation and not trained on.

    Raises:
        ValueError: If no goals would be left to train on.
    """

    def __init__(self, benchmark: Any, validation_goals: int = 0) -> None:
        trained, kept = _split(benchmark.train_tasks, validation_goals)
        super().__init__(trained, benchmark.test_tasks, _set_task, kept)
        self._names = [task.env_name for task in self._listed]

    @property
    def first_name(self) -> str:
        """Name of the first environment to train on."""
        return self._names[0]

    def _choose(self, rng: np.random.Generator, numbers: range, num_tasks: int) -> NDArray[np.int64]:
        """See `ListedTasks._choose`."""
        names = sorted({self._names[index] for index in numbers})
        shares = np.full(len(names), num_tasks // len(names))
        shares[rng.choice(len(names), num_tasks % len(names), replace=False)] += 1
        chosen = []
        for name, share in zip(names, shares, strict=True):
            own = [index for index in numbers if self._names[index] == name]
            chosen.append(rng.choice(own, share, replace=share > len(own)))
        return np.concatenate(chosen)

    def keywords(self, task: NDArray[np.float64]) -> dict[str, Any]:
        """See `TaskSource.keywords`."""
        return {"env_name": self._names[round(task.item())]}

    def describe(self, task: NDArray[np.float64]) -> str:
        """See `TaskSource.describe`."""
        index = round(task.item())
        goal = pickle.loads(self._listed[index].data)["rand_vec"]
        return f"{self._names[index]}, goal {np.array2string(goal, precision=2)}"


def _split(tasks: Sequence[Any], validation_goals: int) -> tuple[list[Any], list[Any]]:
    """Returns tasks without the last goals of each environment, and those goals."""
    trained: list[Any] = []
    kept: list[Any] = []
    for _, group in groupby(tasks, lambda task: task.env_name):
        goals = list(group)
        if validation_goals >= len(goals):
            raise ValueError(f"validation_goals must be at most {len(goals) - 1}, got {validation_goals}")
        end = len(goals) - validation_goals
        trained += goals[:end]
        kept += goals[end:]
    return trained, kept


def _set_task(env: gymnasium.Env[Any, Any], task: Any) -> None:
    env.unwrapped.set_task(task)  # type: ignore[attr-defined]
