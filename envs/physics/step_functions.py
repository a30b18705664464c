"""MuJoCo functions run at the end of every `mj_step`, which leaves some derived fields unfilled.

`mj_step` does not compute contact forces (`cfrc_ext`) or the velocity of the centre of mass
(`subtree_linvel`): these fields keep old numbers without a warning. On one `MjData` the remedy is a call of
`mj_rnePostConstraint` or `mj_subtreeVel` after the step. `mujoco.batch.Batch` steps on its own threads and
copies fields out as soon as the last step is done, so the functions have to run inside the step: as the
`advance` callback of MuJoCo plugins, which is called when the state has been integrated, before anything that
the step computed is overwritten.
"""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from mamlrl.envs.physics.engine import mujoco

CONTACT_FORCES = ("mj_rnePostConstraint",)  # contact forces of the step just made, not of the state reached

_PREFIX = "mamlrl."
_FunctionPointer = ctypes.c_void_p
_Size = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_int)
_Init = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int)
_registered: dict[str, Any] = {}  # keeps alive what MuJoCo points to


class _Plugin(ctypes.Structure):
    """`mjpPlugin` of mujoco/mjplugin.h."""

    _fields_ = (
        ("name", ctypes.c_char_p),
        ("nattribute", ctypes.c_int),
        ("attributes", ctypes.c_void_p),
        ("capabilityflags", ctypes.c_int),
        ("needstage", ctypes.c_int),
        *(
            (callback, _FunctionPointer)
            for callback in (
                "nstate",
                "nsensordata",
                "init",
                "destroy",
                "copy",
                "reset",
                "compute",
                "advance",
                "visualize",
                "actuator_act_dot",
                "sdf_distance",
                "sdf_gradient",
                "sdf_staticdistance",
                "sdf_attribute",
                "sdf_aabb",
            )
        ),
    )


def run_after_each_step(spec: mujoco.MjSpec, functions: Sequence[str]) -> None:
    """Makes every `mj_step` of a model end with calls of MuJoCo functions.

    The states are the same as without them, bit for bit.

    Args:
        spec: The model, changed in place.
        functions: Names of functions of the signature `f(const mjModel*, mjData*)`, in calling order.
    """
    for function in functions:
        name = _PREFIX + function
        _register_once(name, function)
        spec.activate_plugin(name)
        spec.add_plugin(plugin_name=name, name=function, active=True)


def _register_once(name: str, function: str) -> None:
    if name not in _registered:
        _registered[name] = _register(name, function)


def _register(name: str, function: str) -> Any:
    """Registers a plugin whose only effect is a call of `function`; returns the objects it points to."""
    library = _mujoco_library()
    zero_size, successful_init = _Size(lambda *_: 0), _Init(lambda *_: 0)
    idle = ctypes.cast(library.mj_version, _FunctionPointer)  # has no effect, and is called without arguments
    plugin = _Plugin()
    library.mjp_defaultPlugin(ctypes.byref(plugin))
    plugin.name = name.encode()
    plugin.nstate = ctypes.cast(zero_size, _FunctionPointer)
    plugin.init = ctypes.cast(successful_init, _FunctionPointer)
    plugin.reset = plugin.compute = idle
    # MuJoCo passes the plugin's number as a third argument, which C's calling conventions let a function ignore
    plugin.advance = ctypes.cast(getattr(library, function), _FunctionPointer)
    if library.mjp_registerPlugin(ctypes.byref(plugin)) < 0:
        raise RuntimeError(f"MuJoCo {mujoco.mj_versionString()} did not register the plugin {name}")
    return plugin, zero_size, successful_init


def _mujoco_library() -> ctypes.CDLL:
    """Returns the shared library that the `mujoco` package has loaded."""
    folder = Path(mujoco.__file__).parent
    return ctypes.CDLL(str(next(folder.glob("libmujoco.*"))))


for _function in CONTACT_FORCES:  # models that come from a pickle name plugins that must be there already
    _register_once(_PREFIX + _function, _function)
