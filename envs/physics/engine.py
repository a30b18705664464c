"""MuJoCo and its batch engine, or an error that says what to do where they cannot be imported."""

import os
import sys

from gymnasium.error import DependencyNotInstalled

from mamlrl.envs.pictures.graphics import HEADLESS

OLDEST = 4  # MuJoCo with a batch engine
INSTALL = "pip install 'gymnasium[mujoco]' 'mujoco>=4,<5'"


def _remedy(error: Exception) -> str:
    """Says in one line why MuJoCo cannot be imported and what to do."""
    missing = getattr(error, "name", None)
    version = getattr(sys.modules.get("mujoco"), "__version__", None)
    if missing == "mujoco":
        return f"MuJoCo is not installed: run {INSTALL}"
    if version is not None and int(version.split(".")[0]) < OLDEST:
        return f"the batch engine needs MuJoCo {OLDEST}, found {version}: run {INSTALL}"
    if missing == "mujoco.batch":
        return f"MuJoCo {version or 'of unknown version'} has no batch engine: run {INSTALL}"
    return (
        f"MuJoCo cannot be imported ({error}): unset the environment variable MUJOCO_GL, which is "
        f"{os.environ.get('MUJOCO_GL', 'not set')}, or install what it names: {HEADLESS}; or run {INSTALL}"
    )


try:
    import mujoco
    from mujoco.batch import MODEL_FIELDS, Batch, SimulationError
except Exception as error:  # a graphics library that MUJOCO_GL names and that is missing raises anything
    raise DependencyNotInstalled(_remedy(error)) from error

__all__ = ["MODEL_FIELDS", "Batch", "SimulationError", "mujoco"]
