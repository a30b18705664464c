"""The task-environment interface: one vector environment over (task, episode) pairs."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, ClassVar

import gymnasium
import numpy as np
from gymnasium.spaces import Box
from gymnasium.vector import AutoresetMode, VectorEnv
from gymnasium.vector.utils import batch_space
from numpy.typing import NDArray

from mamlrl.envs.arguments import check_choice, check_whole_number

Frame = NDArray[np.uint8]


def parameters_text(task: NDArray[np.float64]) -> str:
    """Writes a task's parameters for people."""
    return f"task {', '.join(f'{parameter:.2f}' for parameter in task.ravel())}"


class TaskVectorEnv(VectorEnv[Any, Any, Any], ABC):
    """A vector environment whose sub-environments each solve one task of a family.

    Sub-environments are (task, episode) pairs with the episode index running fastest: after
    `set_tasks` with n tasks, sub-environment i solves task `i // (num_envs // n)`. Until tasks are
    set, every reset samples a task of its own for each sub-environment.

    Episodes end once and stay finished (`AutoresetMode.DISABLED`): a finished sub-environment keeps
    its observation and flags, earns 0, and its actions are ignored until `reset`.

    A family sets the spaces, and implements `sample_tasks`, `_start` and `_advance` on arrays of all
    sub-environments.

    Attributes:
        num_envs: Number of sub-environments.
        horizon: Steps after which an episode is truncated.
        task_space: Space of one task's parameters; a task outside it is refused.
        tasks: Task of every sub-environment, shape (num_envs, *task_space.shape).
        diverged: Which current episodes ended because their simulation diverged, shape (num_envs,).
        frame_size: Height and width of pictures, in pixels; may be set before the first is drawn.
    """

    metadata: dict[str, Any] = {  # noqa: RUF012 (Gymnasium's own signature)
        "autoreset_mode": AutoresetMode.DISABLED,
        "render_modes": ["rgb_array"],
        "render_fps": 10,
    }
    task_space: Box
    frame_size: int = 240
    tasks: NDArray[np.float64]

    def __init__(
        self,
        num_envs: int,
        observation_space: gymnasium.Space[Any],
        action_space: gymnasium.Space[Any],
        task_space: Box,
        horizon: int,
        render_mode: str | None = None,
    ) -> None:
        check_whole_number("num_envs", num_envs, least=1)
        check_whole_number("horizon", horizon, least=1)
        if render_mode is not None:
            check_choice("render_mode", render_mode, self.metadata["render_modes"])
        self.num_envs = num_envs
        self.horizon = horizon
        self.render_mode = render_mode
        self.single_observation_space = observation_space
        self.single_action_space = action_space
        self.observation_space = batch_space(observation_space, num_envs)
        self.action_space = batch_space(action_space, num_envs)
        self.task_space = task_space
        self.tasks = np.zeros((num_envs, *task_space.shape))
        self._tasks_are_set = False
        self._was_reset = False
        self._elapsed = np.zeros(num_envs, dtype=np.int64)
        self._terminated = np.zeros(num_envs, dtype=np.bool_)
        self.diverged = np.zeros(num_envs, dtype=np.bool_)

    @abstractmethod
    def sample_tasks(self, rng: np.random.Generator, num_tasks: int) -> NDArray[np.float64]:
        """Draws tasks from the family's distribution.

        Args:
            rng: Source of randomness.
            num_tasks: How many.

        Returns:
            Task parameters, shape (num_tasks, *task_space.shape).
        """

    @abstractmethod
    def _start(self, chosen: NDArray[np.bool_]) -> None:
        """Puts the chosen sub-environments, a (num_envs,) mask, into initial states."""

    @abstractmethod
    def _advance(
        self, actions: NDArray[Any], running: NDArray[np.bool_]
    ) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
        """Steps the running sub-environments; the values returned for the others are ignored.

        Args:
            actions: Batch of actions within the action space, shape (num_envs, *single_action_space.shape).
            running: Which episodes have not ended, shape (num_envs,).

        Returns:
            Rewards and whether the task's own end was reached, each of shape (num_envs,).
        """

    @abstractmethod
    def _observe(self) -> NDArray[Any]:
        """Returns the current observations in fresh memory."""

    @abstractmethod
    def _draw(self, index: int) -> Frame:
        """Returns an image of sub-environment `index`, shape (height, width, 3)."""

    def describe_task(self, task: NDArray[np.float64]) -> str:
        """Says in a few words what a task, of shape `task_space.shape`, asks for: here, its parameters."""
        return parameters_text(task)

    def set_tasks(self, tasks: NDArray[np.float64]) -> None:
        """Assigns tasks to equal consecutive groups of sub-environments; call `reset` next.

        Args:
            tasks: Shape (num_tasks, *task_space.shape); num_tasks divides num_envs.

        Raises:
            ValueError: If the shape does not fit or a task lies outside `task_space`.
        """
        tasks, expected = _numbers("tasks", tasks), self.task_space.shape
        if tasks.shape[1:] != expected or tasks.ndim != 1 + len(expected) or len(tasks) == 0:
            sizes = ", ".join(map(str, ("number of tasks", *expected)))
            raise ValueError(f"tasks must have shape ({sizes}), got {tasks.shape}")
        if self.num_envs % len(tasks):
            raise ValueError(f"{len(tasks)} tasks do not divide {self.num_envs} sub-environments equally")
        for index, task in enumerate(tasks):
            if not self.task_space.contains(task.astype(self.task_space.dtype)):
                raise ValueError(f"task {index}, {task.tolist()}, lies outside {self.task_space}")
        self.tasks = np.repeat(tasks, self.num_envs // len(tasks), axis=0)
        self._tasks_are_set = True

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[NDArray[Any], dict[str, Any]]:
        """Starts new episodes.

        Args:
            seed: Seed of all randomness until the next seeded reset.
            options: `{"reset_mask": mask}`, with a boolean mask of shape (num_envs,), restarts only
                those sub-environments, as in Gymnasium's own vector environments.

        Returns:
            Observations, shape (num_envs, *single_observation_space.shape), and an empty info.
        """
        super().reset(seed=seed)
        chosen = np.ones(self.num_envs, dtype=np.bool_)
        if self._was_reset and options is not None and "reset_mask" in options:
            chosen = np.asarray(options["reset_mask"], dtype=np.bool_)
        if not self._tasks_are_set:
            self.tasks[chosen] = self.sample_tasks(self.np_random, self.num_envs)[chosen]
        self._was_reset = True
        self._elapsed[chosen] = 0
        self._terminated[chosen] = False
        self.diverged[chosen] = False
        self._start(chosen)
        return self._observe(), {}

    def step(
        self, actions: NDArray[Any]
    ) -> tuple[NDArray[Any], NDArray[np.float64], NDArray[np.bool_], NDArray[np.bool_], dict[str, Any]]:
        """Steps every running sub-environment once.

        Args:
            actions: Shape (num_envs, *single_action_space.shape); values outside the action space are clipped.

        Returns:
            Observations, rewards, terminations, truncations (leading axis num_envs), and `diverged` as info.

        Raises:
            gymnasium.error.ResetNeeded: Before the first `reset`.
            ValueError: If the actions have another shape.
        """
        if not self._was_reset:
            raise gymnasium.error.ResetNeeded("call reset() before step()")
        actions = np.asarray(actions)
        if actions.shape != self.action_space.shape:
            raise ValueError(f"actions must have shape {self.action_space.shape}, got {actions.shape}")
        if isinstance(self.single_action_space, Box):
            actions = np.clip(actions, self.single_action_space.low, self.single_action_space.high)
        running = ~self._terminated & (self._elapsed < self.horizon)
        rewards, terminated = self._advance(actions, running)
        self._elapsed += running
        self._terminated |= running & terminated
        truncated = self._elapsed >= self.horizon
        info = {"diverged": self.diverged.copy()}
        return self._observe(), np.where(running, rewards, 0.0), self._terminated.copy(), truncated, info

    def render(self) -> tuple[Frame, ...] | None:
        """Draws every sub-environment: a tuple of (height, width, 3) images, or None without a render mode."""
        if self.render_mode is None:
            return None
        return tuple(self._draw(index) for index in range(self.num_envs))


class SingleTaskEnv(gymnasium.Env[Any, Any]):
    """A task family as an ordinary Gymnasium environment: the same code with one sub-environment.

    Attributes:
        vector_env_class: The family; set by subclasses.
    """

    metadata: dict[str, Any] = {"render_modes": ["rgb_array"], "render_fps": 10}  # noqa: RUF012
    vector_env_class: ClassVar[type[TaskVectorEnv]]

    def __init__(self, *, render_mode: str | None = None, **kwargs: Any) -> None:
        self.vector_env = self.vector_env_class(num_envs=1, render_mode=render_mode, **kwargs)
        self.render_mode = render_mode
        self.metadata = {**self.metadata, "render_fps": self.vector_env.metadata["render_fps"]}
        self.observation_space = self.vector_env.single_observation_space
        self.action_space = self.vector_env.single_action_space

    def set_task(self, task: NDArray[np.float64]) -> None:
        """Fixes the task for all episodes to come; without it, every reset samples one.

        Raises:
            ValueError: If the shape does not fit or the task lies outside the task space.
        """
        task, expected = _numbers("the task", task), self.vector_env.task_space.shape
        if task.shape != expected:
            raise ValueError(f"the task must have shape {expected}, got {task.shape}")
        self.vector_env.set_tasks(task[None])

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[NDArray[Any], dict[str, Any]]:
        """Starts an episode; see `TaskVectorEnv.reset`."""
        super().reset(seed=seed)
        observations, info = self.vector_env.reset(seed=seed)
        return observations[0], info

    def step(self, action: NDArray[Any]) -> tuple[NDArray[Any], float, bool, bool, dict[str, Any]]:
        """Takes one step; see `TaskVectorEnv.step`."""
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


def _numbers(name: str, values: Any) -> NDArray[np.float64]:
    """Returns an array; refuses what is not made of numbers."""
    try:
        return np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError):
        raise ValueError(f"{name} must be an array of numbers, got {values}") from None
