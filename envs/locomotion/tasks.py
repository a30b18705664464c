"""Tasks of moving: at a velocity, in a direction, or to a point."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from gymnasium.spaces import Box
from numpy.typing import NDArray

from mamlrl.envs.arguments import check_number, check_range
from mamlrl.envs.arrays import Array
from mamlrl.envs.held_out import check_apart, check_wider, sample_shell
from mamlrl.envs.locomotion.task_distribution import Motion, TaskDistribution
from mamlrl.envs.physics.simulator import FloatArray
from mamlrl.envs.pictures.markers import Arrow, Post, arrow_above, post_at


class Velocity(TaskDistribution):
    """Move along x at velocity g, uniform on a range; the reward is `bonus - |v - g|`.

    Args:
        velocity_range: Lowest and highest goal velocity, in metres per second.
        bonus: Constant that makes it worth staying alive.
        test_range: The same range of tasks to evaluate on, which does not overlap the former; None for the same.
    """

    def __init__(
        self,
        velocity_range: tuple[float, float],
        bonus: float = 0.0,
        test_range: tuple[float, float] | None = None,
    ) -> None:
        self._range = check_range("velocity_range", velocity_range)
        self._test_range = check_apart("test_velocity_range", test_range, self._range)
        ends = [*self._range, *self._test_range]
        self.space = Box(min(ends), max(ends), (1,), np.float64)
        self.bonus = bonus

    def sample(self, rng: np.random.Generator, num_tasks: int) -> FloatArray:
        """Draws goal velocities, shape (num_tasks, 1)."""
        return rng.uniform(*self._range, (num_tasks, 1))

    def sample_test(self, rng: np.random.Generator, num_tasks: int) -> FloatArray:
        """See `TaskDistribution.sample_test`."""
        return rng.uniform(*self._test_range, (num_tasks, 1))

    def reward(self, motion: Motion, tasks: Array) -> Array:
        """See `TaskDistribution.reward`."""
        return self.bonus - abs(motion.velocity[:, 0] - tasks[:, 0])

    def describe(self, task: FloatArray) -> str:
        """See `TaskDistribution.describe`."""
        return f"goal velocity {task[0]:.2f} m/s"

    def markers(self, task: FloatArray, torso: FloatArray) -> Sequence[Arrow | Post]:
        """Returns an arrow as long as the distance to cover in half a second."""
        return [arrow_above(torso, 0.5 * task)]


class Direction(TaskDistribution):
    """Move along a unit vector; the reward is the velocity along it.

    In one dimension the vectors are +1 and -1, in two the unit circle, uniformly distributed in both.

    Args:
        dimensions: 1 or 2.
    """

    def __init__(self, dimensions: int) -> None:
        self.space = UnitVectors(dimensions)

    def sample(self, rng: np.random.Generator, num_tasks: int) -> FloatArray:
        """Draws unit vectors, shape (num_tasks, dimensions)."""
        if self.space.shape == (1,):
            return rng.choice([-1.0, 1.0], (num_tasks, 1))
        angles = rng.uniform(-np.pi, np.pi, num_tasks)
        return np.stack([np.cos(angles), np.sin(angles)], axis=1)

    def reward(self, motion: Motion, tasks: Array) -> Array:
        """See `TaskDistribution.reward`."""
        return (motion.velocity[:, : tasks.shape[1]] * tasks).sum(axis=1)

    def describe(self, task: FloatArray) -> str:
        """See `TaskDistribution.describe`."""
        if len(task) == 1:
            return "forwards" if task[0] > 0 else "backwards"
        return f"direction {np.degrees(np.arctan2(task[1], task[0])):.0f} degrees"

    def markers(self, task: FloatArray, torso: FloatArray) -> Sequence[Arrow | Post]:
        """Returns an arrow along the vector."""
        return [arrow_above(torso, task)]


class Goal(TaskDistribution):
    """Move to a point of the plane; the reward is `bonus` minus the L1 distance to it.

    Args:
        goal_range: Goals are uniform on [-goal_range, goal_range]^2, in metres.
        bonus: Constant that makes it worth staying alive.
        test_range: The same range of tasks to evaluate on, whose goals lie outside of the former square; None for
            the same square.
    """

    def __init__(self, goal_range: float, bonus: float = 4.0, test_range: float | None = None) -> None:
        check_number("goal_range", goal_range, above=0)
        self._range, self._outer = goal_range, check_wider("test_goal_range", test_range, goal_range)
        self.space = Box(-self._outer, self._outer, (2,), np.float64)
        self.bonus = bonus

    def sample(self, rng: np.random.Generator, num_tasks: int) -> FloatArray:
        """Draws goals, shape (num_tasks, 2)."""
        return rng.uniform(-self._range, self._range, (num_tasks, 2))

    def sample_test(self, rng: np.random.Generator, num_tasks: int) -> FloatArray:
        """See `TaskDistribution.sample_test`."""
        if self._outer == self._range:
            return self.sample(rng, num_tasks)
        return sample_shell(rng, self._range, self._outer, (num_tasks, 2))

    def reward(self, motion: Motion, tasks: Array) -> Array:
        """See `TaskDistribution.reward`."""
        return self.bonus - abs(motion.position - tasks).sum(axis=1)

    def info(self, motion: Motion, tasks: Array) -> dict[str, Array]:
        """Returns the Euclidean distance to the goal, in metres, as `goal_distance`."""
        return {"goal_distance": ((motion.position - tasks) ** 2).sum(axis=1) ** 0.5}

    def describe(self, task: FloatArray) -> str:
        """See `TaskDistribution.describe`."""
        return f"goal ({task[0]:.2f}, {task[1]:.2f}) m"

    def markers(self, task: FloatArray, torso: FloatArray) -> Sequence[Arrow | Post]:
        """Returns a post at the goal, and an arrow from above the torso to above the goal."""
        return [post_at(task), arrow_above(torso, task - torso[:2])]


class UnitVectors(Box):
    """The space of vectors of length 1, shape (dimensions,)."""

    def __init__(self, dimensions: int) -> None:
        super().__init__(-1.0, 1.0, (dimensions,), np.float64)

    def contains(self, x: Any) -> bool:
        """Tells whether x is a unit vector, up to rounding."""
        return super().contains(x) and bool(abs(np.linalg.norm(x) - 1) < 1e-6)

    def sample(self, mask: None = None, probability: None = None) -> NDArray[Any]:
        """Draws a direction, uniformly; `mask` and `probability` are ignored as in every `Box`."""
        vector = self.np_random.standard_normal(self.shape)
        return vector / np.linalg.norm(vector)

    def __repr__(self) -> str:
        return f"UnitVectors({self.shape[0]})"
