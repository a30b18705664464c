"""One environment among many, which gets a task and runs an episode of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import gymnasium
import numpy as np
from numpy.typing import NDArray

from mamlrl.envs.adapter.task_source import TaskSource
from mamlrl.envs.info import NUMBERS, number_of
from mamlrl.envs.task_env import SubEnvError
from mamlrl.errors import FOREIGN_ERRORS, one_line

FLAGS = frozenset({bool, np.bool_})  # types that need no closer look, which takes long
REAL = frozenset({float, int, np.float64, np.float32, np.int64, *FLAGS})

MakeEnv = Callable[..., gymnasium.Env[Any, Any]]


class Recipe(NamedTuple):
    """What sub-environments are made of.

    Attributes:
        make: Makes an environment; takes the keywords of its task.
        tasks: What tasks are.
        observation_space: Space of observations.
        action_space: Space of actions.
        horizon: Steps after which an episode is over.
        info: Keys of info to read after each step.
    """

    make: MakeEnv
    tasks: TaskSource
    observation_space: gymnasium.Space[Any]
    action_space: gymnasium.Space[Any]
    horizon: int
    info: tuple[str, ...] = ()


class SubEnv:
    """One environment, which is made when it first gets a task.

    `reset` and `step` raise a `SubEnvError` if the environment raises an error, or returns what it should not.

    Args:
        recipe: What it is made of.
        index: Its number among all sub-environments.

    Attributes:
        recipe: What it is made of.
        env: The environment; None until the first reset.
        terminated: Whether the environment's own end was reached.
        truncated: Whether the environment cut the episode short.
        is_over: Whether there is nothing more to step, because of these, the horizon, or for want of a reset.
        numbers: What the last step's info has for each key that is read.
    """

    def __init__(self, recipe: Recipe, index: int) -> None:
        self.recipe = recipe
        self._index = index
        self._shape, self._horizon = recipe.observation_space.shape, recipe.horizon
        self._dtype: Any = None  # of the last observation that was checked
        self.env: gymnasium.Env[Any, Any] | None = None
        self._task = b""
        self._keywords: dict[str, Any] = {}
        self._steps = 0
        self.terminated, self.truncated, self.is_over = False, False, True
        self.numbers = [0.0] * len(recipe.info)

    def reset(self, task: NDArray[np.float64], seed: int) -> Any:
        """Begins an episode of a task; returns the observation, which may be the environment's own array."""
        with self._told():
            observation, _ = self._with_task(task).reset(seed=seed)
            self._check("reset", observation)
        self._steps = 0
        self.terminated, self.truncated, self.is_over = False, False, False
        return observation

    def step(self, action: Any) -> tuple[Any, float]:
        """Takes a step; returns observation and reward."""
        assert self.env is not None
        try:  # rather than `_told`, which takes as long as a fast environment's step
            observation, reward, terminated, truncated, info = self.env.step(action)
            is_array = type(observation) is np.ndarray
            if not is_array or observation.shape != self._shape or observation.dtype != self._dtype:
                self._check("step", observation)
            if not (type(reward) in REAL and type(terminated) in FLAGS and type(truncated) in FLAGS):
                _check_numbers(reward, terminated, truncated)
            reward = float(reward)
            self.terminated, self.truncated = bool(terminated), bool(truncated)
            if self.numbers:
                self.numbers = [number_of(info, key) for key in self.recipe.info]
        except FOREIGN_ERRORS as error:
            raise SubEnvError(self._index, one_line(error)) from error
        self._steps += 1
        self.is_over = self.terminated or self.truncated or self._steps == self._horizon
        return observation, reward

    def render(self) -> Any:
        """Draws the environment."""
        with self._told():
            return None if self.env is None else self.env.render()

    def close(self) -> None:
        """Closes the environment."""
        if self.env is not None:
            self.env.close()
            self.env = None

    def _with_task(self, task: NDArray[np.float64]) -> gymnasium.Env[Any, Any]:
        """Returns the environment with a task, made anew where tasks differ in what it is made with."""
        if self.env is not None and task.tobytes() == self._task:
            return self.env
        keywords = self.recipe.tasks.keywords(task)
        if self.env is None or keywords != self._keywords:
            self.close()
            self.env = self.recipe.make(**keywords)
            spaces = (self.env.observation_space, self.env.action_space)
            if spaces != (self.recipe.observation_space, self.recipe.action_space):
                raise ValueError("the environment of this task has other spaces than that of another")
        self.recipe.tasks.set(self.env, task)
        self._keywords, self._task = keywords, task.tobytes()
        return self.env

    def _check(self, method: str, observation: Any) -> None:
        """Refuses an observation of another shape or type than the space has."""
        space, array = self.recipe.observation_space, np.asarray(observation)
        if array.shape != space.shape or not np.can_cast(array.dtype, np.dtype(space.dtype), "same_kind"):
            raise ValueError(
                f"{method} returned an observation of shape {array.shape} and type {array.dtype}; its space has "
                f"shape {space.shape} and type {space.dtype}"
            )
        self._dtype = array.dtype

    @contextmanager
    def _told(self) -> Iterator[None]:
        try:
            yield
        except FOREIGN_ERRORS as error:
            raise SubEnvError(self._index, one_line(error)) from error


def _check_numbers(reward: Any, terminated: Any, truncated: Any) -> None:
    for name, value in (("reward", reward), ("terminated", terminated), ("truncated", truncated)):
        if np.shape(value) != () or np.asarray(value).dtype.kind not in NUMBERS:
            wanted = "a number" if name == "reward" else "True or False"
            raise ValueError(f"step returned {name} {value!r}; it must be {wanted}")
