"""Pictures of simulated bodies, drawn off screen."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from mamlrl.envs.engine import mujoco

FRAME_SIZE = 240  # pixels
REMEDY = (
    "set the environment variable MUJOCO_GL before Python starts: MUJOCO_GL=egl (a GPU, or Mesa: Debian package "
    "libegl1) or MUJOCO_GL=osmesa (no GPU: Debian package libosmesa6)"
)


class ModelRenderer:
    """Draws states of a model as seen by its tracking camera.

    Args:
        model: What to draw, with a camera called `track`.

    Raises:
        RuntimeError: If no OpenGL context can be made; the message says what to do.
    """

    def __init__(self, model: mujoco.MjModel) -> None:
        try:
            self._renderer: Any = mujoco.Renderer(model, FRAME_SIZE, FRAME_SIZE)
        except Exception as error:  # each OpenGL platform has exceptions of its own
            raise RuntimeError(f"MuJoCo cannot draw here ({error}); {REMEDY}") from error
        self._model = model
        self._data = mujoco.MjData(model)

    def draw(self, positions: NDArray[np.float64]) -> NDArray[np.uint8]:
        """Draws a state, given its generalised positions of shape (nq,); returns (height, width, 3)."""
        self._data.qpos[:] = positions
        mujoco.mj_forward(self._model, self._data)
        self._renderer.update_scene(self._data, camera="track")
        return np.array(self._renderer.render())

    def close(self) -> None:
        """Frees the graphics context."""
        self._renderer.close()
