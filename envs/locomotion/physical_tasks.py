"""Tasks that differ in the body rather than the goal: run forwards with unknown physics."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from gymnasium.spaces import Box

from mamlrl.envs.arguments import check_number
from mamlrl.envs.arrays import Array
from mamlrl.envs.held_out import check_some, check_wider, sample_shell
from mamlrl.envs.locomotion.task_distribution import Motion, TaskDistribution
from mamlrl.envs.physics.simulator import FloatArray, Simulator
from mamlrl.envs.pictures.markers import Arrow, Post, arrow_above

PARAMETERS = ("mass", "friction", "damping", "strength")
FORWARDS = np.array([1.0])


class PhysicalParameters(TaskDistribution):
    """Run forwards along x with a body of unknown parameters; the reward is the velocity.

    A task holds factors of the usual mass, friction, joint damping and actuator strength, each log-uniform.

    Args:
        max_factor: Largest factor; the smallest is its inverse.
        test_max_factor: Largest factor of tasks to evaluate on, which have one outside of the former range at
            least; None for the same range.
    """

    def __init__(self, max_factor: float, test_max_factor: float | None = None) -> None:
        check_number("max_factor", max_factor, above=1)
        self._factor, self._outer = max_factor, check_wider("test_max_factor", test_max_factor, max_factor)
        self.space = Box(1 / self._outer, self._outer, (len(PARAMETERS),), np.float64)

    def sample(self, rng: np.random.Generator, num_tasks: int) -> FloatArray:
        """Draws factors, shape (num_tasks, 4)."""
        low, high = (np.full(len(PARAMETERS), end) for end in (1 / self._factor, self._factor))
        logarithms = rng.uniform(np.log(low), np.log(high), (num_tasks, len(PARAMETERS)))
        return np.clip(np.exp(logarithms), low, high)

    def sample_test(self, rng: np.random.Generator, num_tasks: int) -> FloatArray:
        """See `TaskDistribution.sample_test`."""
        if self._outer == self._factor:
            return self.sample(rng, num_tasks)
        logarithms = sample_shell(rng, np.log(self._factor), np.log(self._outer), (num_tasks, len(PARAMETERS)))
        return np.clip(np.exp(logarithms), self.space.low, self.space.high)

    def reward(self, motion: Motion, tasks: Array) -> Array:
        """See `TaskDistribution.reward`."""
        return motion.velocity[:, 0]

    def configure(self, simulator: Simulator, chosen: Array, tasks: FloatArray) -> None:
        """See `TaskDistribution.configure`."""
        for index, parameter in enumerate(PARAMETERS):
            simulator.scale(parameter, chosen, tasks[:, [index]])

    def describe(self, task: FloatArray) -> str:
        """See `TaskDistribution.describe`."""
        return ", ".join(f"{name} x{factor:.2f}" for name, factor in zip(PARAMETERS, task, strict=True))

    def markers(self, task: FloatArray, torso: FloatArray) -> Sequence[Arrow | Post]:
        """Returns an arrow that points forwards."""
        return [arrow_above(torso, FORWARDS)]


class Crippled(TaskDistribution):
    """Run forwards along x with one limb that does not obey; the reward is the velocity.

    A task holds the strength of every actuator: 0 in one limb, each with the same probability, and 1 elsewhere.

    Args:
        limbs: Numbers of the actuators of each limb; together, the limbs have all actuators.
        held_out: Numbers of limbs that only tasks to evaluate on cripple, and these no others.
        limb_name: What limbs are called in the argument that holds some out.
    """

    def __init__(
        self, limbs: Sequence[Sequence[int]], held_out: Sequence[int] = (), limb_name: str = "limbs"
    ) -> None:
        self._test = check_some(f"held_out_{limb_name}", held_out, len(limbs))
        self._train = [limb for limb in range(len(limbs)) if limb not in self._test]
        num_actuators = sum(len(limb) for limb in limbs)
        self.choices = np.ones((len(limbs), num_actuators))
        for choice, limb in zip(self.choices, limbs, strict=True):
            choice[list(limb)] = 0.0
        self.space = Box(0.0, 1.0, (num_actuators,), np.float64)

    def sample(self, rng: np.random.Generator, num_tasks: int) -> FloatArray:
        """Draws strengths, shape (num_tasks, number of actuators)."""
        return self.choices[self._train][rng.integers(len(self._train), size=num_tasks)]

    def sample_test(self, rng: np.random.Generator, num_tasks: int) -> FloatArray:
        """See `TaskDistribution.sample_test`."""
        if not self._test:
            return self.sample(rng, num_tasks)
        return self.choices[self._test][rng.integers(len(self._test), size=num_tasks)]

    def reward(self, motion: Motion, tasks: Array) -> Array:
        """See `TaskDistribution.reward`."""
        return motion.velocity[:, 0]

    def configure(self, simulator: Simulator, chosen: Array, tasks: FloatArray) -> None:
        """See `TaskDistribution.configure`."""
        simulator.scale("strength", chosen, tasks)

    def describe(self, task: FloatArray) -> str:
        """See `TaskDistribution.describe`."""
        idle = ", ".join(map(str, np.flatnonzero(task == 0)))
        return f"idle actuators: {idle}"

    def markers(self, task: FloatArray, torso: FloatArray) -> Sequence[Arrow | Post]:
        """Returns an arrow that points forwards."""
        return [arrow_above(torso, FORWARDS)]
