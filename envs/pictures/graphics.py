"""The graphics library that MuJoCo draws with, chosen before MuJoCo is imported."""

from __future__ import annotations

import os
import sys
from ctypes.util import find_library

HEADLESS = "MUJOCO_GL=egl (Debian packages libegl1 and libgl1) or MUJOCO_GL=osmesa (Debian package libosmesa6)"

_PLATFORMS = {  # values of MUJOCO_GL that need no screen, best first, and the libraries they load
    "egl": ("EGL", "GL"),
    "osmesa": ("OSMesa",),
}


def choose_platform() -> None:
    """Sets MUJOCO_GL to a graphics library that is installed and needs no screen.

    MuJoCo reads the variable when it is imported: afterwards, this has no effect. A value that is already set
    stays, and systems other than Linux are left alone.
    """
    if sys.platform != "linux" or "MUJOCO_GL" in os.environ:
        return
    for platform, libraries in _PLATFORMS.items():
        if all(map(find_library, libraries)):
            os.environ["MUJOCO_GL"] = platform
            return
