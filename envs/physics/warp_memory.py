"""Models and memory of MuJoCo Warp, seen as NumPy arrays or torch tensors without copies."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from torch import Tensor

from mamlrl.envs.physics.engine import mujoco
from mamlrl.envs.physics.warp_engine import mujoco_warp, warp
from mamlrl.envs.physics.warp_kernels import align_with_capsules

_CONTACTS = 2  # of a capsule with a plane; spheres have fewer


class Kept:
    """The simulator's own copy of an array of MuJoCo Warp: that of simulations that do not run stays as it is.

    Attributes:
        tensor: The copy, shape (num_simulations, ...), without more than one axis inside a body.
        source: The array of MuJoCo Warp as (num_simulations, numbers).
        target: The copy, in the same shape.
        initial: The first row of the array at the start, shape (numbers,).
    """

    def __init__(self, array: Any) -> None:
        theirs: Tensor = warp.to_torch(array)
        rows = theirs.view(len(theirs), -1)
        self.tensor = theirs.clone().view(*theirs.shape[:2], -1) if theirs.ndim > 2 else theirs.clone()
        self.source, self.target = warp.from_torch(rows), warp.from_torch(self.tensor.view(rows.shape))
        self.initial = warp.from_torch(rows[0].clone())
        self.shape = tuple(rows.shape)


def put_model(model: mujoco.MjModel, num_simulations: int, expanded: Sequence[str], deterministic: bool) -> Any:
    """Copies a model to Warp's current device.

    Args:
        model: The model.
        num_simulations: Number of simulations.
        expanded: Names of the fields of which every simulation has its own.
        deterministic: Whether sums are taken in the same order every time, which costs time on a GPU; on a CPU,
            they always are.

    Returns:
        The `mujoco_warp.Model`.
    """
    warp_model = mujoco_warp.put_model(model, dict.fromkeys(expanded, num_simulations))
    options = warp_model.opt
    options.disableflags |= mujoco_warp.DisableBit.SENSOR  # the simulator asks for what fields need
    options.deterministic = int(
        mujoco_warp.DeterminismType.ALL if deterministic else mujoco_warp.DeterminismType.NONE
    )
    options.tolerance.fill_(float(model.opt.tolerance))  # not Warp's 1e-6: contact forces are 50 times closer
    options.warn_overflow = 0  # `Data.overflow` is looked at instead
    warp_model.callback.contactfilter = align_with_capsules
    return warp_model


def make_data(model: mujoco.MjModel, num_simulations: int) -> Any:
    """Makes a `mujoco_warp.Data` on Warp's current device, with room for contacts of all geoms with a plane."""
    contacts = _CONTACTS * model.ngeom
    rows = max(1, 2 * (int(model.geom_condim.max()) - 1))  # of a friction pyramid
    return mujoco_warp.make_data(model, num_simulations, nconmax=contacts, njmax=rows * contacts + model.njnt)
