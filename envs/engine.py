"""MuJoCo and its batch engine, or what to do where they cannot be imported."""

from gymnasium.error import DependencyNotInstalled

try:
    import mujoco
    from mujoco.batch import Batch, SimulationError
except Exception as error:  # a graphics library that MUJOCO_GL names and that is missing raises anything
    raise DependencyNotInstalled(
        f"MuJoCo cannot be imported ({error}): run `pip install 'gymnasium[mujoco]' 'mujoco>=4'`, and if MUJOCO_GL"
        " is set, unset it or install what it names (Debian packages: libegl1 for egl, libosmesa6 for osmesa)"
    ) from error

__all__ = ["Batch", "SimulationError", "mujoco"]
