"""Many simulations of one model on MuJoCo Warp."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor

from mamlrl.envs.arrays import Array, choose_module, find_device, namespace
from mamlrl.envs.physics.engine import mujoco
from mamlrl.envs.physics.simulator import SCALABLE, FloatArray, Simulator
from mamlrl.envs.physics.warp_engine import mujoco_warp, torch_namespace, warp
from mamlrl.envs.physics.warp_kernels import keep_field, keep_state, mark_overflow, mark_unstable
from mamlrl.envs.physics.warp_memory import Kept, make_data, put_model

_DERIVED_FROM_MASS = ("body_subtreemass", "body_invweight0", "dof_invweight0", "actuator_acc0")
_EXPANDED = (*(name for names in SCALABLE.values() for name in names), *_DERIVED_FROM_MASS)
_ON_REQUEST = {"cfrc_ext": mujoco_warp.rne_postconstraint, "subtree_linvel": mujoco_warp.subtree_vel}
_LOCK = threading.Lock()  # Warp's current device belongs to the process, not to a thread


class WarpSimulator(Simulator):
    """Simulations on MuJoCo Warp, in float32: on a GPU, or on one core of the CPU.

    Warp, NumPy and torch share the memory of arrays. A step is one graph of kernels, captured once. It
    computes all simulations; those that do not run keep what they have. Kernels are compiled when they are first
    needed, which takes a minute or two, and kept in Warp's cache folder.

    Args:
        model: The model to simulate, without plugins. Its geoms touch planes alone, at two points at most.
        num_simulations: Number of simulations.
        substeps: Steps of the model's own time step in one `step`.
        fields: Names of the derived fields of bodies to keep, as in `MjData`.
        forward: Whether `step` ends by computing the fields of the state reached, rather than keeping what the
            last substep computed on its way. The motion is the same.
        device: `cpu`, or a GPU: `cuda`, `cuda:1`.
        array_module: `numpy` or `torch`; None stands for NumPy on the CPU, torch on a GPU.

    Raises:
        ValueError: If there is no such device, or NumPy is to have arrays on a GPU.
    """

    def __init__(
        self,
        model: mujoco.MjModel,
        num_simulations: int,
        substeps: int,
        fields: Sequence[str] = (),
        forward: bool = False,
        device: str = "cpu",
        array_module: str | None = None,
    ) -> None:
        self._arguments = (model, num_simulations, substeps, tuple(fields), forward, device, array_module)
        self._original, self._substeps, self._forward = model, substeps, forward
        self._torch_device: torch.device = find_device("torch", device)
        self.xp = namespace(choose_module(array_module, device))
        self.time_step = substeps * float(model.opt.timestep)
        on_gpu = self._torch_device.type == "cuda"
        with self._in_use():
            self._model = put_model(model, num_simulations, _EXPANDED, deterministic=on_gpu)
            self._data = make_data(model, num_simulations)
            self._allocate(fields)
            self._advance()  # compiles kernels; nothing runs yet
            self._graph = self._capture()

    def _capture(self) -> Any:
        """Returns the graph of a step, None where the GPU's driver cannot allocate memory in graphs."""
        if self._torch_device.type == "cpu":
            with warp.ScopedCapture() as capture:
                self._advance()
        elif warp.is_mempool_enabled(warp.get_device()):
            with warp.ScopedStream(warp.Stream()), warp.ScopedCapture() as capture:
                self._advance()
        else:
            return None
        return capture.graph

    def _allocate(self, fields: Sequence[str]) -> None:
        """Makes the simulator's own memory: states and fields of those that run, who runs, and who diverged."""
        data = self._data
        self._state = [Kept(array) for array in (data.qpos, data.qvel, data.qacc_warmstart)]
        self._kept_fields = {name: Kept(getattr(data, name)) for name in fields}
        self.positions, self.velocities, self._warm_starts = (self._view(kept.tensor) for kept in self._state)
        self.fields = {name: self._view(kept.tensor) for name, kept in self._kept_fields.items()}
        self._parameters = {name: self._view(warp.to_torch(getattr(self._model, name))) for name in _EXPANDED}
        self._controls = self._view(warp.to_torch(data.ctrl))
        masks = torch.zeros((2, data.nworld), dtype=torch.bool, device=self._torch_device)
        self._running_view, self._diverged_view = (self._view(mask) for mask in masks)
        self._running, self._diverged = (warp.from_torch(mask) for mask in masks)

    def _view(self, tensor: Tensor) -> Array:
        """Returns the same memory as an array of the simulator's module."""
        return tensor if self.xp is torch_namespace else tensor.numpy()

    def __reduce__(self) -> tuple[Any, ...]:
        """Copies and pickles: memory and graph are made anew, and the memory filled with the same numbers."""
        return type(self), self._arguments, [tensor.clone() for tensor in self._tensors()]

    def __setstate__(self, saved: Sequence[Tensor]) -> None:
        """Takes states, fields and models' fields from `__reduce__`."""
        for tensor, values in zip(self._tensors(), saved, strict=True):
            tensor.copy_(values)

    def _tensors(self) -> list[Tensor]:
        """Returns all that tells two simulators with the same arguments apart."""
        kept = [each.tensor for each in (*self._state, *self._kept_fields.values())]
        return kept + [torch.as_tensor(values) for values in self._parameters.values()]

    @contextmanager
    def _in_use(self) -> Iterator[None]:
        """Makes the simulator's device, and torch's current stream on it, those that Warp uses."""
        device = self._torch_device
        with _LOCK, warp.ScopedDevice(str(device)):
            if device.type == "cuda":
                with warp.ScopedStream(warp.stream_from_torch(torch.cuda.current_stream(device))):
                    yield
            else:
                yield

    def reset(self, chosen: Array, positions: Array, velocities: Array) -> None:
        """See `Simulator.reset`."""
        chosen = self._running_view[...] = self.asarray(chosen)
        self.positions[chosen] = self.asarray(positions, self.positions.dtype)
        self.velocities[chosen] = self.asarray(velocities, self.velocities.dtype)
        self._warm_starts[chosen] = 0.0
        self._controls[chosen] = 0.0
        with self._in_use():
            self._load()
            mujoco_warp.forward(self._model, self._data)
            self._keep_fields()

    def step(self, controls: Array, running: Array) -> Array:
        """See `Simulator.step`."""
        self.integrate(controls, running)
        return self.xp.asarray(self._diverged_view, copy=True)

    def integrate(self, controls: Array, running: Array) -> None:
        """See `Simulator.integrate`; looking for simulations that diverge is part of the same graph."""
        self._controls[...] = self.asarray(controls)
        self._running_view[...] = self.asarray(running)
        with self._in_use():
            if self._graph is None:
                self._advance()
            else:
                warp.capture_launch(self._graph)

    def _advance(self) -> None:
        """Launches the kernels of a step."""
        data, masks = self._data, [self._running, self._diverged]
        self._load()
        self._check(data.qpos, data.qvel, data.ctrl)
        for _ in range(self._substeps):
            mujoco_warp.step(self._model, data)
            self._check(data.qacc)
        self._check(data.qpos, data.qvel)
        warp.launch(
            mark_overflow, dim=data.nworld, inputs=[data.overflow, self._running], outputs=[self._diverged]
        )
        for kept in self._state:
            warp.launch(
                keep_state, dim=kept.shape, inputs=[kept.source, kept.initial, *masks], outputs=[kept.target]
            )
        if self._forward:
            mujoco_warp.forward(self._model, data)
        self._keep_fields()

    def _load(self) -> None:
        """Gives MuJoCo Warp the states of all simulations, of which none has diverged."""
        for kept in self._state:
            warp.copy(kept.source, kept.target)
        self._diverged.zero_()
        self._data.overflow.zero_()

    def _check(self, *arrays: Any) -> None:
        """Marks running simulations with numbers that MuJoCo calls unstable."""
        for array in arrays:
            warp.launch(mark_unstable, dim=array.shape, inputs=[array, self._running], outputs=[self._diverged])

    def _keep_fields(self) -> None:
        """Takes over the fields of running simulations that did not diverge."""
        masks = [self._running, self._diverged]
        for name, kept in self._kept_fields.items():
            if name in _ON_REQUEST:
                _ON_REQUEST[name](self._model, self._data)
            warp.launch(keep_field, dim=kept.shape, inputs=[kept.source, *masks], outputs=[kept.target])

    def scale(self, parameter: str, chosen: Array, factors: FloatArray) -> None:
        """See `Simulator.scale`."""
        with self._in_use():
            for name in SCALABLE[parameter]:
                original: FloatArray = getattr(self._original, name)
                ones = (1,) * (original.ndim - 1)
                values, scaled = original * factors.reshape(*factors.shape, *ones), self._parameters[name]
                scaled[self.asarray(chosen)] = self.asarray(values, scaled.dtype)
            if parameter == "mass":  # quantities that the constraint solver derives from it
                mujoco_warp.set_const(self._model, self._data, restore=False)
