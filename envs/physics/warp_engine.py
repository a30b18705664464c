"""MuJoCo Warp, or an error that says what to do where it cannot be imported."""

from __future__ import annotations

from gymnasium.error import DependencyNotInstalled

INSTALL = "pip install 'mamlrl[gpu]'"

try:
    import warp

    warp.config.log_level = warp.LOG_WARNING  # no banner, and no line for each of a hundred modules
    import mujoco_warp
    from array_api_compat import torch as torch_namespace
except ImportError as error:
    raise DependencyNotInstalled(
        f"simulator warp: MuJoCo Warp cannot be imported ({error}): run {INSTALL}"
    ) from error

__all__ = ["mujoco_warp", "torch_namespace", "warp"]
