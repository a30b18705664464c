"""The contract of simulators: many simulations of one model, advanced together."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]


class Simulator(ABC):
    """Simulations of one model that share nothing but the call that advances them.

    The arrays are the simulator's own memory and change with every call: read them, copy what is kept.

    Attributes:
        positions: Generalised positions, shape (num_simulations, nq).
        velocities: Generalised velocities, shape (num_simulations, nv).
        fields: Derived quantities by MuJoCo's names, shape (num_simulations, ...).
        time_step: Simulated seconds that one `step` takes.
    """

    positions: FloatArray
    velocities: FloatArray
    fields: Mapping[str, FloatArray]
    time_step: float

    @abstractmethod
    def reset(self, chosen: NDArray[np.bool_], positions: FloatArray, velocities: FloatArray) -> None:
        """Restarts simulations; fields, contact forces included, take the values of the new state.

        Args:
            chosen: Which simulations to restart, shape (num_simulations,).
            positions: Generalised positions of the chosen simulations, shape (number chosen, nq).
            velocities: Generalised velocities of the chosen simulations, shape (number chosen, nv).
        """

    @abstractmethod
    def step(self, controls: FloatArray, running: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """Advances the running simulations, each with its controls held.

        Args:
            controls: Controls of every simulation, shape (num_simulations, nu).
            running: Which simulations to advance, shape (num_simulations,).

        Returns:
            Which of them diverged, shape (num_simulations,). They are put into the model's default state.
        """

    @abstractmethod
    def integrate(self, controls: FloatArray, running: NDArray[np.bool_]) -> None:
        """Does the physics of `step` and nothing else: it does not look for simulations that diverge.

        Args:
            controls: Controls of every simulation, shape (num_simulations, nu).
            running: Which simulations to advance, shape (num_simulations,).
        """

    @abstractmethod
    def scale(self, parameter: str, chosen: NDArray[np.bool_], factors: FloatArray) -> None:
        """Gives simulations, before they are reset, a multiple of the model's own value of a physical parameter.

        Args:
            parameter: `mass` of bodies, `friction` of geoms, `damping` of joints, or `strength` of actuators.
            chosen: Which simulations to change, shape (num_simulations,).
            factors: Multiples, shape (number chosen, 1), or one for each body, geom, joint axis or actuator:
                (number chosen, nbody, ngeom, nv or nu).
        """
