"""The contract of simulators: many simulations of one model, advanced together."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mamlrl.envs.arrays import Array

FloatArray = NDArray[np.float64]
SCALABLE = {  # parameter, and the model's fields that are proportional to it
    "mass": ("body_mass", "body_inertia"),
    "friction": ("geom_friction",),
    "damping": ("dof_damping",),
    "strength": ("actuator_gear",),
}


class Simulator(ABC):
    """Simulations of one model that share nothing but the call that advances them.

    The arrays are the simulator's own memory and change with every call: read them, copy what is kept. Arguments
    may be NumPy arrays or arrays of the simulator's device.

    Attributes:
        xp: The array API's namespace of the simulator's arrays: NumPy, or that of torch on a GPU.
        positions: Generalised positions, shape (num_simulations, nq).
        velocities: Generalised velocities, shape (num_simulations, nv).
        fields: Derived quantities by MuJoCo's names, shape (num_simulations, ...).
        time_step: Simulated seconds that one `step` takes.
    """

    xp: Any
    positions: Array
    velocities: Array
    fields: Mapping[str, Array]
    time_step: float

    def asarray(self, values: Array, dtype: Any = None) -> Array:
        """Returns values as an array of the simulator's device, the same memory where possible."""
        return self.xp.asarray(values, dtype=dtype, device=self.positions.device)

    @abstractmethod
    def reset(self, chosen: Array, positions: Array, velocities: Array) -> None:
        """Restarts simulations; fields, contact forces included, take the values of the new state.

        Args:
            chosen: Which simulations to restart, shape (num_simulations,).
            positions: Generalised positions of the chosen simulations, shape (number chosen, nq).
            velocities: Generalised velocities of the chosen simulations, shape (number chosen, nv).
        """

    @abstractmethod
    def step(self, controls: Array, running: Array) -> Array:
        """Advances the running simulations, each with its controls held.

        Args:
            controls: Controls of every simulation, shape (num_simulations, nu).
            running: Which simulations to advance, shape (num_simulations,).

        Returns:
            Which of them diverged, shape (num_simulations,). They are put into the model's default state.
        """

    @abstractmethod
    def integrate(self, controls: Array, running: Array) -> None:
        """Does the physics of `step` and nothing else: it does not look for simulations that diverge.

        Args:
            controls: Controls of every simulation, shape (num_simulations, nu).
            running: Which simulations to advance, shape (num_simulations,).
        """

    @abstractmethod
    def scale(self, parameter: str, chosen: Array, factors: FloatArray) -> None:
        """Gives simulations, before they are reset, a multiple of the model's own value of a physical parameter.

        Args:
            parameter: `mass` of bodies, `friction` of geoms, `damping` of joints, or `strength` of actuators.
            chosen: Which simulations to change, shape (num_simulations,).
            factors: Multiples, shape (number chosen, 1), or one for each body, geom, joint axis or actuator:
                (number chosen, nbody, ngeom, nv or nu).
        """
