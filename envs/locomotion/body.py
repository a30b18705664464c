"""The contract of bodies: what a family of papers defines of a simulated body."""

from __future__ import annotations

from abc import ABC, abstractmethod
from pathlib import Path
from typing import ClassVar

import gymnasium
import numpy as np

from mamlrl.envs.arguments import check_weight
from mamlrl.envs.arrays import Array
from mamlrl.envs.locomotion.task_distribution import Motion
from mamlrl.envs.physics.engine import mujoco
from mamlrl.envs.physics.simulator import FloatArray, Simulator
from mamlrl.envs.pictures.rendering import View


class Body(ABC):
    """A body as one family of papers uses it: physics, initial states, observations, rewards, ends.

    Everything is computed for all simulations at once, on arrays of the simulator's device; leading axes are
    (num_simulations,).

    Attributes:
        model: The body and its world.
        substeps: MuJoCo steps per action.
        fields: Derived fields that the methods read from the simulator.
        forward: Whether the fields are those of the state that a step reached; see `BatchSimulator`.
        observation_size: Number of features of an observation.
        view: The camera of pictures.
        ctrl_cost_weight: Weight of |a|^2 in the reward.
    """

    model: mujoco.MjModel
    substeps: ClassVar[int]
    fields: ClassVar[tuple[str, ...]] = ()
    forward: ClassVar[bool] = False
    observation_size: ClassVar[int]
    view: ClassVar[View] = View()
    ctrl_cost_weight: float

    @abstractmethod
    def sample_states(self, rng: np.random.Generator, number: int) -> tuple[FloatArray, FloatArray]:
        """Draws initial positions and velocities, shapes (number, nq) and (number, nv)."""

    def without_plugins(self) -> mujoco.MjModel:
        """Returns the same body for simulators that fill derived fields themselves: by default, `model`."""
        return self.model

    def look(self, simulator: Simulator) -> None:  # noqa: B027 (not every body needs it)
        """Computes what several other methods need, once after every reset and step: by default, nothing."""

    @abstractmethod
    def observe(self, simulator: Simulator) -> Array:
        """Returns observations, shape (num_simulations, observation_size), in fresh memory."""

    @abstractmethod
    def position(self, simulator: Simulator) -> Array:
        """Returns a copy of the positions in the coordinates that tasks judge, shape (num_simulations, D)."""

    def motion(self, simulator: Simulator, before: Array) -> Motion:
        """Returns how the bodies moved: by default, the velocity is the displacement divided by the step's time.

        Args:
            simulator: The simulations after the step.
            before: What `position` returned before the step.
        """
        after = self.position(simulator)
        return Motion(after, (after - before) / simulator.time_step)

    @abstractmethod
    def reward(self, simulator: Simulator, actions: Array) -> Array:
        """Returns the part of the reward that no task changes: bonuses minus costs, shape (num_simulations,)."""

    def control_cost(self, actions: Array) -> Array:
        """Returns the cost of actions, shape (num_simulations,)."""
        return self.ctrl_cost_weight * (actions * actions).sum(axis=1)

    def ended(self, simulator: Simulator) -> Array:
        """Returns for which bodies the episode ends, shape (num_simulations,): by default, for none."""
        positions, xp = simulator.positions, simulator.xp
        return xp.zeros(len(positions), dtype=xp.bool, device=positions.device)

    def set_weights(self, **weights: float | None) -> None:
        """Replaces weights of the reward, which are attributes of the body, where the new ones are not None.

        Raises:
            ValueError: If a weight is negative or not a number; the message names it.
        """
        for name, weight in weights.items():
            if weight is not None:
                check_weight(name, weight)
                setattr(self, name, weight)


def gymnasium_model(file_name: str) -> mujoco.MjSpec:
    """Loads the specification of a model that comes with Gymnasium, which can still be changed."""
    assets = Path(gymnasium.__file__).parent / "envs" / "mujoco" / "assets"
    return mujoco.MjSpec.from_file(str(assets / file_name))
