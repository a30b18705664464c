"""Many simulations of one model on MuJoCo's batch engine."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from math import isfinite
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mamlrl.envs.arrays import Array, namespace, on_host
from mamlrl.envs.physics.engine import MODEL_FIELDS, Batch, SimulationError, mujoco
from mamlrl.envs.physics.simulator import SCALABLE, FloatArray, Simulator

_UNSTABLE = [
    int(warning)
    for warning in (
        mujoco.mjtWarning.mjWARN_BADQPOS,
        mujoco.mjtWarning.mjWARN_BADQVEL,
        mujoco.mjtWarning.mjWARN_BADQACC,
        mujoco.mjtWarning.mjWARN_BADCTRL,
    )
]
_TOLD = 1  # count of a warning that keeps MuJoCo from writing it to the terminal and to a file of its own


class BatchSimulator(Simulator):
    """Simulations on `mujoco.batch.Batch`, in its own threads; results do not depend on the number of threads.

    Args:
        model: The model to simulate, built with a function below if its fields need it.
        num_simulations: Number of simulations.
        substeps: Steps of the model's own time step in one `step`.
        fields: Names of the derived `MjData` fields to keep.
        forward: Whether `step` ends with `mj_forward`, which makes fields those of the state reached, rather than
            what the last substep computed on its way. The motion is the same, bit for bit.
        num_threads: Threads to use at most; 0 stands for one per CPU.
        array_module: `numpy`, or `torch` for tensors of the same memory.
    """

    def __init__(
        self,
        model: mujoco.MjModel,
        num_simulations: int,
        substeps: int,
        fields: Sequence[str] = (),
        forward: bool = False,
        num_threads: int = 0,
        array_module: str = "numpy",
    ) -> None:
        self._arguments = (model, num_simulations, substeps, tuple(fields), forward, num_threads, array_module)
        self.xp = namespace(array_module)
        threads = min(num_threads or os.cpu_count() or 1, num_simulations)
        self._batch: Any = Batch(model, num_simulations, threads)
        self._model = model
        self._substeps = substeps
        self._stage = int(mujoco.mjtStage.mjSTAGE_ACC if forward else mujoco.mjtStage.mjSTAGE_NONE)
        self._batch.warning[..., 1] = _TOLD
        self._default_state = self._batch.state[0].copy()
        self._disabled = self._batch.expand("opt.disableflags")
        self._positions: FloatArray = self._batch.bind("qpos")
        self._velocities: FloatArray = self._batch.bind("qvel")
        self.positions, self.velocities = (self.xp.asarray(each) for each in (self._positions, self._velocities))
        self._positions_and_velocities = self._batch.state[:, 1 : 1 + model.nq + model.nv]  # the time comes first
        self._controls: FloatArray = self._batch.bind("ctrl")
        self._fields: dict[str, FloatArray] = {name: self._batch.bind(name) for name in fields}
        self.fields = {name: self._view(values) for name, values in self._fields.items()}
        self.time_step = substeps * float(model.opt.timestep)

    def __reduce__(self) -> tuple[Any, ...]:
        """Copies and pickles: the engine's memory is made anew and filled with the same numbers."""
        batch, changed = self._batch, {}
        for name in MODEL_FIELDS:
            if (values := batch.expanded(name)) is not None:
                changed[name] = values.copy()
        fields = {name: values.copy() for name, values in self._fields.items()}
        return type(self), self._arguments, (batch.state.copy(), changed, fields)

    def __setstate__(self, saved: tuple[FloatArray, dict[str, NDArray[Any]], dict[str, FloatArray]]) -> None:
        """Takes states, models' fields and derived fields from `__reduce__`."""
        states, changed, fields = saved
        self._batch.state[...] = states
        for name, values in changed.items():
            self._batch.expand(name)[...] = values
        for name, values in fields.items():
            with _writable(self._fields[name]) as field:
                field[...] = values

    def _view(self, field: FloatArray) -> Array:
        """Returns the memory of a derived field as an array of the simulator's module."""
        with _writable(field):  # torch knows no memory that cannot be written to
            return self.asarray(field)

    def reset(self, chosen: Array, positions: Array, velocities: Array) -> None:
        """See `Simulator.reset`."""
        chosen = on_host(chosen)
        self._batch.state[chosen] = self._default_state
        self._positions[chosen] = positions
        self._velocities[chosen] = velocities
        flags = self._disabled.copy()
        self._disabled[...] = flags & ~int(mujoco.mjtDisableBit.mjDSBL_SENSOR)
        self._batch.forward(chosen)
        self._disabled[...] = flags

    def step(self, controls: Array, running: Array) -> Array:
        """See `Simulator.step`."""
        batch, running = self._batch, on_host(running)
        with suppress(SimulationError):  # `status` tells which simulations it is about
            self.integrate(controls, running)
        warned = batch.warning[..., 1] != _TOLD
        if not warned.any() and not batch.status.any() and isfinite(self._positions_and_velocities.sum()):
            return self.asarray(np.zeros(len(running), dtype=np.bool_))
        stable = np.isfinite(self._positions_and_velocities).all(axis=1)
        unstable = ~stable | warned[:, _UNSTABLE].any(axis=1) | (batch.status != 0)
        diverged = running & unstable
        batch.warning[..., 1] = _TOLD
        batch.state[diverged] = self._default_state
        return self.asarray(diverged)

    def integrate(self, controls: Array, running: Array) -> None:
        """See `Simulator.integrate`."""
        self._controls[...] = on_host(controls)
        self._batch.step(on_host(running), self._substeps, self._stage)

    def scale(self, parameter: str, chosen: Array, factors: FloatArray) -> None:
        """See `Simulator.scale`."""
        chosen = on_host(chosen)
        for name in SCALABLE[parameter]:
            original: FloatArray = getattr(self._model, name)
            ones = (1,) * (original.ndim - 1)
            self._batch.expand(name)[chosen] = original * factors.reshape(*factors.shape, *ones)
        if parameter == "mass":  # quantities that the constraint solver derives from it
            self._batch.set_const(chosen)


@contextmanager
def _writable(field: FloatArray) -> Iterator[FloatArray]:
    """Lets a derived field be written to, whose memory only calls of the batch write to otherwise."""
    field.flags.writeable = True
    yield field
    field.flags.writeable = False


def add_field_sensors(spec: mujoco.MjSpec, body: str) -> None:
    """Makes `mj_forward` compute contact forces and velocities of centres of mass, which only sensors ask for.

    Args:
        spec: The model, changed in place.
        body: Name of a body; any will do.
    """
    spec.body(body).add_site(name=body)
    sensors, objects = mujoco.mjtSensor, mujoco.mjtObj
    spec.add_sensor(name="force", type=sensors.mjSENS_FORCE, objtype=objects.mjOBJ_SITE, objname=body)
    spec.add_sensor(name="velocity", type=sensors.mjSENS_SUBTREELINVEL, objtype=objects.mjOBJ_BODY, objname=body)


def fill_fields_on_reset(spec: mujoco.MjSpec, body: str) -> None:
    """Does the same as `add_field_sensors`, but turned on in `BatchSimulator.reset` alone.

    In steps, `run_after_each_step` computes contact forces as they are at the end of the last substep.

    Args:
        spec: The model, changed in place.
        body: Name of a body; any will do.
    """
    add_field_sensors(spec, body)
    spec.option.disableflags |= mujoco.mjtDisableBit.mjDSBL_SENSOR
