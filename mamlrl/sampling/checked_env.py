"""Calls of an environment's methods: whatever it raises, or returns against its contract, becomes one line."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from textwrap import shorten
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mamlrl.envs import TaskEnv
from mamlrl.envs.arrays import Array, on_host
from mamlrl.envs.task_env import Frame, SubEnvError
from mamlrl.errors import FOREIGN_ERRORS, TaskEnvError, one_line
from mamlrl.sampling.env_arrays import UnexpectedError, checked_array, checked_pictures, kind_of

_SHOWN_TASKS, _MOST_TEXT = 3, 200  # whose parameters a message gives, and how many characters of each
_OF_EPISODES = ("reset", "step", "render")  # methods whose errors may be due to the tasks that are set

EnvStep = tuple[Array, Array, Array, Array]  # observations, rewards, terminations, truncations


class CheckedEnv:
    """Calls an environment's methods for those who rely on its contract, `TaskEnv`.

    Arrays stay on the environment's device and are copied on the way: what is returned is the caller's own, and
    the environment may keep and write into what it is given. Only their shapes and types are checked here, for
    which nothing waits; whether numbers are finite, `blame.first_fault` looks at once for a whole rollout.

    All methods raise a TaskEnvError if the environment raises an error, wants to leave Python, or returns what its
    contract does not allow; the message names environment, method, tasks, what came and what was expected.

    Args:
        env: The environment.
        first_task: Number of its first task among all that are sampled.
        episodes_per_task: Sub-environments of each task.

    Attributes:
        time: Time steps since the last reset.
        info: What the last step returned as info, as it came; see `EpisodeInfo`.
    """

    def __init__(self, env: TaskEnv, first_task: int = 0, episodes_per_task: int = 1) -> None:
        self._env = env
        self._first_task = first_task
        self._episodes = episodes_per_task
        self.time = 0
        self.info: Any = {}

    @property
    def name(self) -> str:
        """Its id, or its class if it is not registered."""
        spec = getattr(self._env, "spec", None)
        return spec.id if spec is not None else type(self._env.unwrapped).__name__

    def sample_tasks(self, rng: np.random.Generator, num_tasks: int) -> NDArray[np.float64]:
        """See `TaskEnv.sample_tasks`."""
        return self._sample("sample_tasks", rng, num_tasks)

    def sample_validation_tasks(self, rng: np.random.Generator, num_tasks: int) -> NDArray[np.float64]:
        """See `TaskEnv.sample_validation_tasks`."""
        return self._sample("sample_validation_tasks", rng, num_tasks)

    def sample_test_tasks(self, rng: np.random.Generator, num_tasks: int) -> NDArray[np.float64]:
        """See `TaskEnv.sample_test_tasks`."""
        return self._sample("sample_test_tasks", rng, num_tasks)

    def set_tasks(self, tasks: NDArray[np.float64]) -> None:
        """See `TaskEnv.set_tasks`."""
        with self._call("set_tasks"):
            self._env.set_tasks(tasks.copy())

    def describe_task(self, task: NDArray[np.float64]) -> str:
        """See `TaskEnv.describe_task`."""
        with self._call("describe_task"):
            return str(self._env.describe_task(task.copy()))

    def reset(self, seed: int | Sequence[int]) -> Array:
        """Starts new episodes, see `TaskEnv.reset`; returns observations, shape (num_envs, ...).

        Args:
            seed: One seed, or one for each task, of which an environment that takes one alone gets the first.
        """
        self.time = 0
        if not isinstance(seed, int):
            seed = [int(each) for each in seed]
            seed = seed if self._env.takes_task_seeds else seed[0]
        with self._call("reset"):
            returned = self._env.reset(seed=seed)
        observations, _ = self._parts("reset", returned, ("observations", "info"))
        return self._observations("reset", observations)

    def step(self, actions: Array) -> EnvStep:
        """Steps once, see `TaskEnv.step`; returns observations, rewards, terminations and truncations."""
        with self.stepping():
            returned = self._env.step(actions)
        names = ("observations", "rewards", "terminations", "truncations", "info")
        observations, rewards, terminated, truncated, self.info = self._parts("step", returned, names)
        shape = (self._env.num_envs,)
        return (
            self._observations("step", observations),
            self._array("step", "rewards", rewards, shape),
            self._array("step", "terminations", terminated, shape, "booleans"),
            self._array("step", "truncations", truncated, shape, "booleans"),
        )

    @contextmanager
    def stepping(self) -> Iterator[None]:
        """Steps the environment in its block; what it returns is not checked."""
        with self._call("step"):
            yield
        self.time += 1

    def diverged(self) -> Array:
        """Which current episodes ended because their simulation diverged, shape (num_envs,)."""
        with self._call("diverged"):
            diverged = self._env.diverged
        return self._array("diverged", "an array", diverged, (self._env.num_envs,), "booleans")

    def render(self) -> tuple[Frame, ...]:
        """Draws every sub-environment; returns its pictures, shape (height, width, 3)."""
        with self._call("render"):
            pictures = self._env.render()
        try:
            return tuple(picture.copy() for picture in checked_pictures(pictures, self._env.num_envs))
        except UnexpectedError as error:
            raise self._unexpected("render", error.came, error.expected) from error

    def close(self) -> None:
        """Releases what the environment holds."""
        with self._call("close"):
            self._env.close()

    def task_text(self, task: int) -> str:
        """Names a task of this environment by its number among all that are sampled, and its parameters."""
        return f"task {self._first_task + task} (parameters {self._parameters(task)})"

    def _parameters(self, task: int) -> str:
        try:
            numbers = on_host(self._env.tasks[task * self._episodes]).tolist()
            return shorten(str(numbers), _MOST_TEXT, placeholder=" ...")
        except Exception:  # whatever is wrong with an environment, its first error is the one to tell
            return "unknown"

    def _where(self) -> str:
        first, count = self._first_task, self._env.num_envs // self._episodes
        if count == 1:
            return f"{self.task_text(0)}, time step {self.time}"
        shown = [self._parameters(task) for task in range(min(count, _SHOWN_TASKS))]
        listed = ", ".join(shown + ["..."] * (count > _SHOWN_TASKS))
        return f"tasks {first} to {first + count - 1} (parameters {listed}), time step {self.time}"

    @contextmanager
    def _call(self, method: str) -> Iterator[None]:
        """Turns what the block raises into a `TaskEnvError`."""
        try:
            yield
        except SubEnvError as error:
            place = f"{self.task_text(error.index // self._episodes)}, time step {self.time}"
            raise TaskEnvError(f"environment {self.name}: {method} raised {error} in {place}") from error
        except FOREIGN_ERRORS as error:
            place = f" in {self._where()}" if method in _OF_EPISODES else ""
            raise TaskEnvError(f"environment {self.name}: {method} raised {one_line(error)}{place}") from error

    def _unexpected(self, method: str, came: str, expected: str) -> TaskEnvError:
        return TaskEnvError(f"environment {self.name}: {method} returned {came}; expected {expected}")

    def _parts(self, method: str, returned: Any, names: tuple[str, ...]) -> tuple[Any, ...]:
        if not isinstance(returned, tuple | list) or len(returned) != len(names):
            raise self._unexpected(method, kind_of(returned), f"({', '.join(names)})")
        return tuple(returned)

    def _sample(self, method: str, rng: np.random.Generator, num_tasks: int) -> NDArray[np.float64]:
        with self._call(method):
            tasks = getattr(self._env, method)(rng, num_tasks)
        shape = (num_tasks, *(self._env.task_space.shape or ()))
        try:
            array = checked_array(self._env, "tasks", tasks, shape, on_cpu=True).astype(np.float64)
        except UnexpectedError as error:
            raise self._unexpected(method, error.came, error.expected) from error
        if not np.isfinite(array).all():
            raise self._unexpected(method, f"tasks that are not finite, {array.tolist()}", "finite numbers")
        return array

    def _observations(self, method: str, observations: Any) -> Array:
        shape = (self._env.num_envs, *(self._env.single_observation_space.shape or ()))
        return self._array(method, "observations", observations, shape)

    def _array(
        self, method: str, what: str, value: Any, shape: tuple[int, ...], content: str = "numbers"
    ) -> Array:
        """Returns a copy of an array of the environment's if its shape and type are right; numbers are float64."""
        try:
            array = checked_array(self._env, what, value, shape, content)
        except UnexpectedError as error:
            raise self._unexpected(method, error.came, error.expected) from error
        xp = self._env.xp
        return xp.asarray(array, dtype=xp.float64 if content == "numbers" else xp.bool, copy=True)
