"""What `WarpSimulator` does on its device around MuJoCo Warp's own kernels."""

# Warp reads the annotations of kernels, which therefore cannot be postponed.

from typing import Any

from mamlrl.envs.physics.engine import mujoco
from mamlrl.envs.physics.warp_engine import mujoco_warp, warp

_LIMIT = float(mujoco.mjMAXVAL)  # beyond it, MuJoCo calls a number unstable
_OVERFLOWS = int(
    mujoco_warp.OverflowType.NEFC | mujoco_warp.OverflowType.BROADPHASE | mujoco_warp.OverflowType.NARROWPHASE
)
_PLANE, _CAPSULE = int(mujoco.mjtGeom.mjGEOM_PLANE), int(mujoco.mjtGeom.mjGEOM_CAPSULE)
_PARALLEL = 1e-6  # length of a unit vector's projection below which its direction is rounding error


@warp.kernel(enable_backward=False)
def mark_unstable(values: warp.array2d[float], running: warp.array[bool], diverged: warp.array[bool]) -> None:
    """Marks running simulations with a value that is too large or not a number; a thread for each value."""
    simulation, index = warp.tid()
    if running[simulation] and not warp.abs(values[simulation, index]) < warp.static(_LIMIT):
        diverged[simulation] = True


@warp.kernel(enable_backward=False)
def mark_overflow(overflow: warp.array[int], running: warp.array[bool], diverged: warp.array[bool]) -> None:
    """Marks running simulations whose contacts did not fit into memory, which makes their motion wrong."""
    simulation = warp.tid()
    if running[simulation] and (overflow[simulation] & warp.static(_OVERFLOWS)) != 0:
        diverged[simulation] = True


@warp.kernel(enable_backward=False)
def keep_state(
    source: warp.array2d[float],
    initial: warp.array[float],
    running: warp.array[bool],
    diverged: warp.array[bool],
    target: warp.array2d[float],
) -> None:
    """Takes over the values of running simulations, and initial ones of those that diverged."""
    simulation, index = warp.tid()
    if running[simulation]:
        target[simulation, index] = initial[index] if diverged[simulation] else source[simulation, index]


@warp.kernel(enable_backward=False)
def keep_field(
    source: warp.array2d[float],
    running: warp.array[bool],
    diverged: warp.array[bool],
    target: warp.array2d[float],
) -> None:
    """Takes over the values of running simulations that did not diverge."""
    simulation, index = warp.tid()
    if running[simulation] and not diverged[simulation]:
        target[simulation, index] = source[simulation, index]


@warp.kernel(enable_backward=False)
def _align(
    geom_type: warp.array[int],
    geom_xmat: warp.array2d[warp.mat33],
    geoms: warp.array[warp.vec2i],
    simulation: warp.array[int],
    number: warp.array[int],
    frame: warp.array[warp.mat33],
) -> None:
    contact = warp.tid()
    if contact >= number[0]:
        return
    plane, capsule = geoms[contact][0], geoms[contact][1]
    if geom_type[plane] != warp.static(_PLANE) or geom_type[capsule] != warp.static(_CAPSULE):
        return
    rotation = geom_xmat[simulation[contact], capsule]
    axis = warp.vec3(rotation[0, 2], rotation[1, 2], rotation[2, 2])
    normal = warp.vec3(frame[contact][0, 0], frame[contact][0, 1], frame[contact][0, 2])
    along = axis - warp.dot(normal, axis) * normal
    length = warp.length(along)
    if length > warp.static(_PARALLEL):
        first = along / length
        frame[contact] = warp.matrix_from_rows(normal, first, warp.cross(normal, first))


def align_with_capsules(model: Any, data: Any) -> None:
    """Turns contacts of capsules with a plane as MuJoCo does: the first tangent lies along the capsule.

    MuJoCo Warp 4.0 takes other tangents for capsules within 30 degrees of the plane's normal (see issue 2774 of
    google-deepmind/mujoco). Friction pyramids then point elsewhere, which moves ants by centimetres in 20 steps.

    Args:
        model: The `mujoco_warp.Model`, whose `callback.contactfilter` this is.
        data: The `mujoco_warp.Data`, whose contacts have just been found.
    """
    contact = data.contact
    inputs = [model.geom_type, data.geom_xmat, contact.geom, contact.worldid, data.nacon]
    warp.launch(_align, dim=data.naconmax, inputs=inputs, outputs=[contact.frame])
