import os
from ctypes.util import find_library

if find_library("EGL"):
    os.environ.setdefault("MUJOCO_GL", "egl")  # drawn off screen; MuJoCo reads it when it is imported
