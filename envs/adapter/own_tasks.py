"""Tasks of the environment's own, or of Python functions: any objects, listed, or arrays of numbers."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import gymnasium
import numpy as np
from gymnasium.spaces import Box
from numpy.typing import NDArray

from mamlrl.envs.adapter.listing import LISTED, listed, told
from mamlrl.envs.adapter.task_source import TaskSource
from mamlrl.errors import UserError

SETTERS = ("set_task", "reset_task")  # Meta-World's and learn2learn's name, and pytorch-maml-rl's
TRAIN_SEED, TEST_SEED = 0, 1  # of lists

SetTask = Callable[[gymnasium.Env[Any, Any], Any], object]
SampleTasks = Callable[[np.random.Generator, int], Sequence[Any] | NDArray[Any]]


class ListedTasks(TaskSource):
    """Tasks that are any objects, numbered in a list: those to train on, then those to evaluate on.

    Args:
        train: Tasks to train on.
        test: Tasks to evaluate on.
        set_task: Sets a task in an environment.
    """

    def __init__(self, train: Sequence[Any], test: Sequence[Any], set_task: SetTask) -> None:
        self._listed = [*train, *test]
        self._set_task = set_task
        self._num_train = len(train)
        self.count = min(len(train), len(test))
        self.space = Box(0.0, len(self._listed) - 1.0, (1,), np.float64)

    def sample(self, rng: np.random.Generator, num_tasks: int) -> NDArray[np.float64]:
        """See `TaskSource.sample`; tasks are different ones as long as there are enough."""
        return _choose(rng, 0, self._num_train, num_tasks)

    def sample_test(self, rng: np.random.Generator, num_tasks: int) -> NDArray[np.float64]:
        """See `TaskSource.sample_test`."""
        return _choose(rng, self._num_train, len(self._listed), num_tasks)

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
        sample_tasks: Draws tasks to train on.
        sample_test_tasks: Draws tasks to evaluate on.
        set_task: Sets a task in an environment.
    """

    def __init__(
        self, space: Box, sample_tasks: SampleTasks, sample_test_tasks: SampleTasks, set_task: SetTask
    ) -> None:
        self._single = space.shape == ()
        self.space = Box(space.low[None], space.high[None], dtype=np.float64) if self._single else space
        self._sample_tasks, self._sample_test_tasks, self._set_task = sample_tasks, sample_test_tasks, set_task

    def sample(self, rng: np.random.Generator, num_tasks: int) -> NDArray[np.float64]:
        """See `TaskSource.sample`."""
        return self._array(self._sample_tasks(rng, num_tasks))

    def sample_test(self, rng: np.random.Generator, num_tasks: int) -> NDArray[np.float64]:
        """See `TaskSource.sample_test`."""
        return self._array(self._sample_test_tasks(rng, num_tasks))

    def _array(self, tasks: Any) -> NDArray[np.float64]:
        array = np.asarray(tasks, dtype=np.float64)
        return array[..., None] if self._single else array

    def set(self, env: gymnasium.Env[Any, Any], task: NDArray[np.float64]) -> None:
        """See `TaskSource.set`."""
        self._set_task(env, task.item() if self._single else task.copy())

    def describe(self, task: NDArray[np.float64]) -> str:
        """See `TaskSource.describe`."""
        return f"task {', '.join(f'{number:.3g}' for number in task.ravel())}"


def tasks_of_functions(
    sample_tasks: SampleTasks, sample_test_tasks: SampleTasks, set_task: SetTask, space: Box | None
) -> TaskSource:
    """Returns the tasks of Python functions: `NumberedTasks` if they are numbers, otherwise `ListedTasks`.

    Raises:
        UserError: If a function raises an error, or draws no tasks.
    """
    with told("sample_tasks"):
        two = list(sample_tasks(np.random.default_rng(TRAIN_SEED), 2))
    try:
        numbers = np.asarray(two)
    except ValueError:  # of different lengths
        numbers = np.zeros(0, dtype=object)
    if numbers.dtype.kind in "fiu":
        unbounded = Box(-np.inf, np.inf, numbers.shape[1:], np.float64)
        return NumberedTasks(space or unbounded, sample_tasks, sample_test_tasks, set_task)
    train, test = (
        listed("sample_tasks", partial(_drawn_with, draw), seed)
        for draw, seed in ((sample_tasks, TRAIN_SEED), (sample_test_tasks, TEST_SEED))
    )
    return ListedTasks(train, test, set_task)


def tasks_of_environment(env: gymnasium.Env[Any, Any]) -> TaskSource | None:
    """Returns the tasks that an environment has by itself, None if it has none.

    They are listed once: as many as `LISTED` to train on and to evaluate on, or as the environment gives.

    Raises:
        UserError: If it has `sample_tasks` and neither `set_task` nor `reset_task`, or they do not work.
    """
    if not env.has_wrapper_attr("sample_tasks"):
        return None
    setter = next((name for name in SETTERS if env.has_wrapper_attr(name)), None)
    if setter is None:
        raise UserError(f"env.id: the environment has sample_tasks, and needs {' or '.join(SETTERS)}, too")
    other = "sample_test_tasks" if env.has_wrapper_attr("sample_test_tasks") else "sample_tasks"
    train, test = (
        listed(name, partial(_drawn, env, name), seed)
        for name, seed in (("sample_tasks", TRAIN_SEED), (other, TEST_SEED))
    )
    return ListedTasks(train, test, partial(_call_setter, setter))


def _call_setter(name: str, env: gymnasium.Env[Any, Any], task: Any) -> None:
    env.get_wrapper_attr(name)(task)


def _drawn_with(draw: SampleTasks, seed: int) -> Any:
    return draw(np.random.default_rng(seed), LISTED)


def _choose(rng: np.random.Generator, first: int, end: int, num_tasks: int) -> NDArray[np.float64]:
    """Draws numbers of tasks from `first` on, shape (num_tasks, 1)."""
    chosen = rng.choice(np.arange(first, end), num_tasks, replace=num_tasks > end - first)
    return chosen[:, None].astype(np.float64)


def _drawn(env: gymnasium.Env[Any, Any], name: str, seed: int) -> Any:
    env.reset(seed=seed)
    return env.get_wrapper_attr(name)(LISTED)
