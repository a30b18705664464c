"""Tasks of the environment's own, or of Python functions: any objects, listed, or arrays of numbers."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import gymnasium
import numpy as np
from gymnasium.spaces import Box
from numpy.typing import NDArray

from mamlrl.envs.adapter.listing import LISTED, check_apart, listed, same_tasks, told
from mamlrl.envs.adapter.task_source import SPLITS, Split, TaskSource
from mamlrl.errors import UserError

SETTERS = ("set_task", "reset_task")  # Meta-World's and learn2learn's name, and pytorch-maml-rl's
METHODS: dict[Split, str] = {  # that draw tasks
    "train": "sample_tasks",
    "validation": "sample_validation_tasks",
    "test": "sample_test_tasks",
}
SEEDS: dict[Split, int] = {"train": 0, "test": 1, "validation": 2}  # of lists

SetTask = Callable[[gymnasium.Env[Any, Any], Any], object]
SampleTasks = Callable[[np.random.Generator, int], Sequence[Any] | NDArray[Any]]


class ListedTasks(TaskSource):
    """Tasks that are any objects, numbered in a list: those to train on, to evaluate on, and to choose by.

    Args:
        train: Tasks to train on.
        test: Tasks to evaluate on.
        set_task: Sets a task in an environment.
        validation: Tasks to choose by.
    """

    def __init__(
        self, train: Sequence[Any], test: Sequence[Any], set_task: SetTask, validation: Sequence[Any] = ()
    ) -> None:
        self._listed = [*train, *test, *validation]
        self._set_task = set_task
        first_test, first_validation = len(train), len(train) + len(test)
        self._numbers: dict[Split, range] = {
            "train": range(first_test),
            "test": range(first_test, first_validation),
            "validation": range(first_validation, len(self._listed)),
        }
        self.space = Box(0.0, len(self._listed) - 1.0, (1,), np.float64)

    def count(self, split: Split) -> int:
        """See `TaskSource.count`."""
        return len(self._numbers[split])

    def sample(self, rng: np.random.Generator, num_tasks: int) -> NDArray[np.float64]:
        """See `TaskSource.sample`; tasks are different ones as long as there are enough."""
        return self._sample("train", rng, num_tasks)

    def sample_validation(self, rng: np.random.Generator, num_tasks: int) -> NDArray[np.float64]:
        """See `TaskSource.sample_validation`.

        Raises:
            ValueError: If the list has no tasks to choose by.
        """
        return self._sample("validation", rng, num_tasks)

    def sample_test(self, rng: np.random.Generator, num_tasks: int) -> NDArray[np.float64]:
        """See `TaskSource.sample_test`."""
        return self._sample("test", rng, num_tasks)

    def _sample(self, split: Split, rng: np.random.Generator, num_tasks: int) -> NDArray[np.float64]:
        numbers = self._numbers[split]
        if not numbers:
            raise ValueError(f"there are no {split} tasks in the list")
        return self._choose(rng, numbers, num_tasks)[:, None].astype(np.float64)

    def _choose(self, rng: np.random.Generator, numbers: range, num_tasks: int) -> NDArray[np.int64]:
        """Draws from numbers of tasks, shape (num_tasks,)."""
        return rng.choice(numbers, num_tasks, replace=num_tasks > len(numbers))

    def set(self, env: gymnasium.Env[Any, Any], task: NDArray[np.float64]) -> None:
        """See `TaskSource.set`."""
        self._set_task(env, self._listed[round(task.item())])

    def describe(self, task: NDArray[np.float64]) -> str:
        """See `TaskSource.describe`."""
        index = round(task.item())
        return f"task {index}: {textwrap.shorten(str(self._listed[index]), 60, placeholder=' ...')}"


class NumberedTasks(TaskSource):
    """Tasks that are numbers, or arrays of numbers, drawn by a function.

    Args:
        space: Space of a task, of shape () where each is a single number; then `set_task` gets a number.
        samplers: Draw tasks of each split.
        set_task: Sets a task in an environment.
    """

    def __init__(self, space: Box, samplers: Mapping[Split, SampleTasks], set_task: SetTask) -> None:
        self._single = space.shape == ()
        self.space = Box(space.low[None], space.high[None], dtype=np.float64) if self._single else space
        self._samplers, self._set_task = samplers, set_task

    def sample(self, rng: np.random.Generator, num_tasks: int) -> NDArray[np.float64]:
        """See `TaskSource.sample`."""
        return self._array(self._samplers["train"](rng, num_tasks))

    def sample_validation(self, rng: np.random.Generator, num_tasks: int) -> NDArray[np.float64]:
        """See `TaskSource.sample_validation`."""
        return self._array(self._samplers["validation"](rng, num_tasks))

    def sample_test(self, rng: np.random.Generator, num_tasks: int) -> NDArray[np.float64]:
        """See `TaskSource.sample_test`."""
        return self._array(self._samplers["test"](rng, num_tasks))

    def _array(self, tasks: Any) -> NDArray[np.float64]:
        array = np.asarray(tasks, dtype=np.float64)
        return array[..., None] if self._single else array

    def set(self, env: gymnasium.Env[Any, Any], task: NDArray[np.float64]) -> None:
        """See `TaskSource.set`."""
        self._set_task(env, task.item() if self._single else task.copy())

    def describe(self, task: NDArray[np.float64]) -> str:
        """See `TaskSource.describe`."""
        return f"task {', '.join(f'{number:.3g}' for number in task.ravel())}"


def tasks_of_functions(samplers: Mapping[Split, SampleTasks], set_task: SetTask, space: Box | None) -> TaskSource:
    """Returns the tasks of Python functions: `NumberedTasks` if they are numbers, otherwise `ListedTasks`.

    Args:
        samplers: Draw tasks of each split; those that are no function of their own are that of `train`.
        set_task: Sets a task in an environment.
        space: Space of a task that is numbers; unbounded by default.

    Raises:
        UserError: If a function raises an error, draws no tasks, or a task of another split.
    """
    with told("sample_tasks"):
        two = list(samplers["train"](np.random.default_rng(SEEDS["train"]), 2))
    try:
        numbers = np.asarray(two)
    except ValueError:  # of different lengths
        numbers = np.zeros(0, dtype=object)
    if numbers.dtype.kind in "fiu":
        unbounded = Box(-np.inf, np.inf, numbers.shape[1:], np.float64)
        return NumberedTasks(space or unbounded, samplers, set_task)
    names = {
        split: METHODS[split if draw is not samplers["train"] else "train"] for split, draw in samplers.items()
    }
    draws = {split: partial(_drawn_with, draw) for split, draw in samplers.items()}
    return _listed_tasks(names, draws, set_task)


def tasks_of_environment(env: gymnasium.Env[Any, Any]) -> TaskSource | None:
    """Returns the tasks that an environment has by itself, None if it has none.

    They are listed once: as many as `LISTED` to train on, to choose by and to evaluate on, or as the environment
    gives.

    Raises:
        UserError: If it has `sample_tasks` and neither `set_task` nor `reset_task`, they do not work, or a task
            is of two splits that have methods of their own.
    """
    if not env.has_wrapper_attr("sample_tasks"):
        return None
    setter = next((name for name in SETTERS if env.has_wrapper_attr(name)), None)
    if setter is None:
        raise UserError(f"env.id: the environment has sample_tasks, and needs {' or '.join(SETTERS)}, too")
    names = {split: name if env.has_wrapper_attr(name) else "sample_tasks" for split, name in METHODS.items()}
    draws = {split: partial(_drawn, env, name) for split, name in names.items()}
    return _listed_tasks(names, draws, partial(_call_setter, setter))


def _listed_tasks(
    names: Mapping[Split, str], draws: Mapping[Split, Callable[[int], Any]], set_task: SetTask
) -> ListedTasks:
    lists = {split: listed(names[split], draws[split], SEEDS[split]) for split in SPLITS}
    if names["validation"] == names["train"] and same_tasks(lists["validation"], lists["train"]):
        lists["validation"] = []  # there are so few tasks that all are trained on
    check_apart([(names[split], lists[split]) for split in SPLITS])
    return ListedTasks(lists["train"], lists["test"], set_task, lists["validation"])


def _call_setter(name: str, env: gymnasium.Env[Any, Any], task: Any) -> None:
    env.get_wrapper_attr(name)(task)


def _drawn_with(draw: SampleTasks, seed: int) -> Any:
    return draw(np.random.default_rng(seed), LISTED)


def _drawn(env: gymnasium.Env[Any, Any], name: str, seed: int) -> Any:
    env.reset(seed=seed)
    return env.get_wrapper_attr(name)(LISTED)
