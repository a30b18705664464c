"""The contract of locomotion tasks: what is asked of a body, and how that is drawn and rewarded."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from gymnasium.spaces import Box

from mamlrl.envs.arrays import Array
from mamlrl.envs.physics.simulator import FloatArray, Simulator
from mamlrl.envs.pictures.markers import Arrow, Post
from mamlrl.envs.task_env import parameters_text


@dataclass(frozen=True)
class Motion:
    """Where the bodies are after a step, and how they move, in the coordinates that tasks judge.

    Attributes:
        position: In metres, shape (num_envs, D): D is 1 for bodies that move along a line, 2 in the plane.
        velocity: In metres per second, shape (num_envs, D).
    """

    position: Array
    velocity: Array


class TaskDistribution(ABC):
    """A distribution of tasks of one kind, and the part of the reward that depends on a task's parameters.

    Attributes:
        space: Space of one task's parameters.
    """

    space: Box[Any]

    @abstractmethod
    def sample(self, rng: np.random.Generator, num_tasks: int) -> FloatArray:
        """Draws parameters of tasks to train on, shape (num_tasks, *space.shape)."""

    def sample_test(self, rng: np.random.Generator, num_tasks: int) -> FloatArray:
        """Draws parameters of tasks to evaluate on, shape (num_tasks, *space.shape): by default, with `sample`."""
        return self.sample(rng, num_tasks)

    @abstractmethod
    def reward(self, motion: Motion, tasks: Array) -> Array:
        """Rewards each body for its own task, shape (num_envs,); motion and tasks are arrays of the same device.

        Args:
            motion: Motion of every body.
            tasks: Parameters of each body's task, shape (num_envs, *space.shape).
        """

    def info(self, motion: Motion, tasks: Array) -> dict[str, Array]:
        """Returns what the info of a step tells beside the motion, shapes (num_envs,): by default, nothing.

        Args:
            motion: Motion of every body.
            tasks: Parameters of each body's task, shape (num_envs, *space.shape).
        """
        return {}

    def configure(  # noqa: B027 (most tasks leave the physics alone)
        self, simulator: Simulator, chosen: Array, tasks: FloatArray
    ) -> None:
        """Gives simulations that are about to restart the physics of their tasks: by default, the model's own.

        Args:
            simulator: The simulations of all bodies.
            chosen: Which simulations are about to restart, shape (num_envs,).
            tasks: Parameters of the chosen simulations' tasks, shape (number chosen, *space.shape).
        """

    def describe(self, task: FloatArray) -> str:
        """Says in a few words what a task, of shape `space.shape`, asks for: by default, its parameters."""
        return parameters_text(task)

    def markers(self, task: FloatArray, torso: FloatArray) -> Sequence[Arrow | Post]:
        """Returns what a picture shows of a task: by default, nothing.

        Args:
            task: The task's parameters, shape `space.shape`.
            torso: The torso's position in the world, in metres, shape (3,).
        """
        return ()
