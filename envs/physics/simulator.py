"""Many simulations of one model, advanced together: the interface, and MuJoCo's batch engine behind it."""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from contextlib import suppress
from math import isfinite
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mamlrl.envs.physics.engine import Batch, SimulationError, mujoco

FloatArray = NDArray[np.float64]

_SCALABLE = {  # parameter, and the model's fields that are proportional to it
    "mass": ("body_mass", "body_inertia"),
    "friction": ("geom_friction",),
    "damping": ("dof_damping",),
    "strength": ("actuator_gear",),
}
_UNSTABLE = [
    int(warning)
    for warning in (
        mujoco.mjtWarning.mjWARN_BADQPOS,
        mujoco.mjtWarning.mjWARN_BADQVEL,
        mujoco.mjtWarning.mjWARN_BADQACC,
        mujoco.mjtWarning.mjWARN_BADCTRL,
    )
]
_TOLD = 1  # count of a warning at which MuJoCo does not write a line to the terminal and to a file of its own


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
        """Restarts simulations; fields, contact forces included, are those of the new state.

        Args:
            chosen: Which simulations, shape (num_simulations,).
            positions: Of the chosen ones, shape (number chosen, nq).
            velocities: Of the chosen ones, shape (number chosen, nv).
        """

    @abstractmethod
    def step(self, controls: FloatArray, running: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """Advances the running simulations, each with its controls held.

        Args:
            controls: Shape (num_simulations, nu).
            running: Which simulations to advance, shape (num_simulations,).

        Returns:
            Which of them diverged, shape (num_simulations,). Their state is the model's default one.
        """

    @abstractmethod
    def advance(self, controls: FloatArray, running: NDArray[np.bool_]) -> None:
        """Does the physics of `step` and nothing else: simulations that diverge are not looked for."""

    @abstractmethod
    def scale(self, parameter: str, chosen: NDArray[np.bool_], factors: FloatArray) -> None:
        """Gives simulations, before they are reset, a multiple of the model's own value of a physical parameter.

        Args:
            parameter: `mass` of bodies, `friction` of geoms, `damping` of joints, or `strength` of actuators.
            chosen: Which simulations, shape (num_simulations,).
            factors: Shape (number chosen, 1), or one for each body, geom, joint axis or actuator:
                (number chosen, nbody, ngeom, nv or nu).
        """


class BatchSimulator(Simulator):
    """Simulations on `mujoco.batch.Batch`: its own threads, results the same for any number of them.

    Args:
        model: What to simulate, built with `fill_fields_on_reset` if its fields need it.
        num_simulations: How many.
        substeps: Steps of the model's own time step in one `step`.
        fields: Names of the derived `MjData` fields to keep.
        num_threads: Threads to use at most; 0 stands for one a CPU.
    """

    def __init__(
        self,
        model: mujoco.MjModel,
        num_simulations: int,
        substeps: int,
        fields: Sequence[str] = (),
        num_threads: int = 0,
    ) -> None:
        threads = min(num_threads or os.cpu_count() or 1, num_simulations)
        self._batch: Any = Batch(model, num_simulations, threads)
        self._model = model
        self._substeps = substeps
        self._batch.warning[..., 1] = _TOLD
        self._default_state = self._batch.state[0].copy()
        self._disabled = self._batch.expand("opt.disableflags")
        self.positions = self._batch.bind("qpos")
        self.velocities = self._batch.bind("qvel")
        self._positions_and_velocities = self._batch.state[:, 1 : 1 + model.nq + model.nv]  # the time comes first
        self._controls: FloatArray = self._batch.bind("ctrl")
        self.fields = {name: self._batch.bind(name) for name in fields}
        self.time_step = substeps * float(model.opt.timestep)

    def reset(self, chosen: NDArray[np.bool_], positions: FloatArray, velocities: FloatArray) -> None:
        """See `Simulator.reset`."""
        self._batch.state[chosen] = self._default_state
        self.positions[chosen] = positions
        self.velocities[chosen] = velocities
        flags = self._disabled.copy()
        self._disabled[...] = flags & ~int(mujoco.mjtDisableBit.mjDSBL_SENSOR)
        self._batch.forward(chosen)
        self._disabled[...] = flags

    def step(self, controls: FloatArray, running: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """See `Simulator.step`."""
        batch = self._batch
        with suppress(SimulationError):  # `status` tells which
            self.advance(controls, running)
        warned = batch.warning[..., 1] != _TOLD
        if not warned.any() and not batch.status.any() and isfinite(self._positions_and_velocities.sum()):
            return np.zeros(len(running), dtype=np.bool_)
        stable = np.isfinite(self._positions_and_velocities).all(axis=1)
        unstable = ~stable | warned[:, _UNSTABLE].any(axis=1) | (batch.status != 0)
        diverged: NDArray[np.bool_] = running & unstable
        batch.warning[..., 1] = _TOLD
        batch.state[diverged] = self._default_state
        return diverged

    def advance(self, controls: FloatArray, running: NDArray[np.bool_]) -> None:
        """See `Simulator.advance`."""
        self._controls[...] = controls
        self._batch.step(running, self._substeps)

    def scale(self, parameter: str, chosen: NDArray[np.bool_], factors: FloatArray) -> None:
        """See `Simulator.scale`."""
        for name in _SCALABLE[parameter]:
            original: FloatArray = getattr(self._model, name)
            ones = (1,) * (original.ndim - 1)
            self._batch.expand(name)[chosen] = original * factors.reshape(*factors.shape, *ones)
        if parameter == "mass":  # quantities that the constraint solver derives from it
            self._batch.set_const(chosen)


def fill_fields_on_reset(spec: mujoco.MjSpec, body: str) -> None:
    """Lets `BatchSimulator.reset` compute contact forces and velocities of centres of mass.

    In steps, `run_after_each_step` does so more cheaply. Here, sensors ask for them; only a reset turns them on.

    Args:
        spec: The model, changed in place.
        body: Name of a body; any will do.
    """
    spec.body(body).add_site(name=body)
    sensors, objects = mujoco.mjtSensor, mujoco.mjtObj
    spec.add_sensor(name="force", type=sensors.mjSENS_FORCE, objtype=objects.mjOBJ_SITE, objname=body)
    spec.add_sensor(name="velocity", type=sensors.mjSENS_SUBTREELINVEL, objtype=objects.mjOBJ_BODY, objname=body)
    spec.option.disableflags |= mujoco.mjtDisableBit.mjDSBL_SENSOR
