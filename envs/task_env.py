"""The contract of task environments: one vector environment over (task, episode) pairs."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any

import numpy as np
from gymnasium.spaces import Box
from gymnasium.vector import VectorEnv
from numpy.typing import NDArray

from mamlrl.envs.arrays import Array

Frame = NDArray[np.uint8]  # a picture, shape (height, width, 3)


def parameters_text(task: NDArray[np.float64]) -> str:
    """Writes a task's parameters for people."""
    return f"task {', '.join(f'{parameter:.2f}' for parameter in task.ravel())}"


class SubEnvError(Exception):
    """One sub-environment raised an error.

    Args:
        index: The sub-environment.
        message: Type and text of its error.
    """

    def __init__(self, index: int, message: str) -> None:
        super().__init__(index, message)
        self.index = index
        self.message = message

    def __str__(self) -> str:
        return self.message


class TaskEnv(VectorEnv[Any, Any, Any], ABC):
    """A vector environment whose sub-environments each solve one task of a family.

    Sub-environments are (task, episode) pairs with the episode index running fastest: after
    `set_tasks` with n tasks, sub-environment i solves task `i // (num_envs // n)`. Until tasks are
    set, every reset samples a task of its own for each sub-environment.

    Episodes end once and stay finished (`AutoresetMode.DISABLED`): a finished sub-environment keeps
    its observation and flags, earns 0, and its actions are ignored until `reset`.

    Samplers copy arrays on the way in and out: an environment may use its own again, and write into what it is
    given. They check shapes, types and numbers, and tell users which method an error came from.

    Arrays are those of the environment's device: NumPy arrays on the CPU, unless `xp` and `device` say otherwise.
    Tasks are drawn and given as NumPy arrays everywhere.

    This is everything that samplers, films and wrappers rely on. Families subclass `TaskVectorEnv`, which
    implements it on arrays of all sub-environments; wrappers subclass `wrappers.wrapper.TaskWrapper`.

    Attributes:
        num_envs: Number of sub-environments.
        single_observation_space: Space of one sub-environment's observations.
        single_action_space: Space of one sub-environment's actions.
        observation_space: Space of the observations of all sub-environments.
        action_space: Space of the actions of all sub-environments.
        horizon: Steps after which an episode is truncated.
        xp: The array API's namespace of the environment's arrays: by default NumPy; on a GPU, that of torch.
        device: Where its arrays live: by default `cpu`; of torch tensors, a `torch.device`.
        task_space: Space of one task's parameters; a task outside it is refused.
        tasks: Task of every sub-environment, shape (num_envs, *task_space.shape); only `set_tasks` and `reset`
            change it.
        diverged: Which current episodes ended because their simulation diverged, shape (num_envs,); samplers leave
            these episodes out.
        render_mode: None, or `rgb_array` for an environment that draws.
        frame_size: Height and width of pictures, in pixels; may be set before the first is drawn.
        takes_task_seeds: Whether `reset` takes a seed for each task. If not, samplers give it one, and results
            depend on which tasks are sampled together: on the number of groups, and of processes.
        metadata: `autoreset_mode`, `render_modes` and `render_fps`, the steps in a second of real time.
    """

    horizon: int
    task_space: Box
    tasks: Array
    diverged: Array
    frame_size: int
    takes_task_seeds: bool = False

    @property
    def xp(self) -> Any:
        """The array API's namespace of the environment's arrays."""
        return np

    @property
    def device(self) -> Any:
        """Where the environment's arrays live."""
        return "cpu"

    @abstractmethod
    def sample_tasks(self, rng: np.random.Generator, num_tasks: int) -> NDArray[np.float64]:
        """Draws tasks from the distribution to train on.

        Args:
            rng: Source of randomness.
            num_tasks: Number of tasks to draw.

        Returns:
            Task parameters, shape (num_tasks, *task_space.shape).
        """

    def sample_validation_tasks(self, rng: np.random.Generator, num_tasks: int) -> NDArray[np.float64]:
        """Draws tasks to choose settings and checkpoints by: by default, with `sample_tasks`.

        They are neither trained on nor what results are of; where tasks are few, they need a list of their own.

        Args:
            rng: Source of randomness.
            num_tasks: Number of tasks to draw.

        Returns:
            Task parameters, shape (num_tasks, *task_space.shape).
        """
        return self.sample_tasks(rng, num_tasks)

    def sample_test_tasks(self, rng: np.random.Generator, num_tasks: int) -> NDArray[np.float64]:
        """Draws tasks from the distribution to evaluate on: by default, the one to train on.

        Args:
            rng: Source of randomness.
            num_tasks: Number of tasks to draw.

        Returns:
            Task parameters, shape (num_tasks, *task_space.shape).
        """
        return self.sample_tasks(rng, num_tasks)

    @abstractmethod
    def set_tasks(self, tasks: NDArray[np.float64]) -> None:
        """Assigns tasks to equal consecutive groups of sub-environments; call `reset` next.

        Args:
            tasks: Shape (num_tasks, *task_space.shape); num_tasks divides num_envs.

        Raises:
            ValueError: If the shape does not fit or a task lies outside `task_space`.
        """

    def describe_task(self, task: NDArray[np.float64]) -> str:
        """Says in a few words what a task, of shape `task_space.shape`, asks for: by default, its parameters."""
        return parameters_text(task)

    @abstractmethod
    def reset(
        self, *, seed: int | Sequence[int] | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Array, dict[str, Any]]:
        """Starts new episodes.

        Args:
            seed: Seed of all randomness until the next seeded reset; or, if `takes_task_seeds`, one for each of
                equal consecutive groups of sub-environments, such as those of a task. What a group then draws does
                not depend on the others.
            options: `{"reset_mask": mask}`, with a boolean mask of shape (num_envs,), restarts only
                those sub-environments, as in Gymnasium's own vector environments.

        Returns:
            Observations, shape (num_envs, *single_observation_space.shape), and an empty info.

        Raises:
            ValueError: If there is no such option, or the mask is not one; the message names it.
        """

    @abstractmethod
    def step(self, actions: Array) -> tuple[Array, Array, Array, Array, dict[str, Any]]:
        """Steps every running sub-environment once.

        Args:
            actions: Shape (num_envs, *single_action_space.shape); values outside the action space are clipped.

        Returns:
            Observations, rewards, terminations, truncations (leading axis num_envs), and an info with `diverged`.
            Whatever else it has for every sub-environment can be a metric, see the setting `env.info`.

        Raises:
            gymnasium.error.ResetNeeded: Before the first `reset`.
            ValueError: If the actions have another shape.
        """

    @abstractmethod
    def render(self) -> tuple[Frame, ...] | None:
        """Draws every sub-environment: a tuple of (height, width, 3) images, or None without a render mode."""
