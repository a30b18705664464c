"""MuJoCo and its batch engine, or what to do where they cannot be imported."""

from gymnasium.error import DependencyNotInstalled

try:
    import mujoco
    from mujoco.batch import Batch, SimulationError
except Exception as error:  # a graphics library that MUJOCO_GL names and that is missing raises anything
    raise DependencyNotInstalled(
        f"MuJoCo cannot be imported ({error}): run `pip install 'gymnasium[mujoco]' 'mujoco>=4'`, and if "
        "MUJOCO_GL is set, install what it names (Debian packages: egl needs libegl1, osmesa needs libosmesa6) or unset it"
    ) from error

__all__ = ["Batch", "SimulationError", "mujoco"]
