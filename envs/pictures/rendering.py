"""Pictures of simulated bodies, drawn off screen."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mamlrl.envs.physics.engine import mujoco
from mamlrl.envs.pictures.graphics import HEADLESS
from mamlrl.envs.pictures.markers import Arrow, Post

TORSO = 1  # number of the body
MARKER_WIDTH = 0.05  # metres
MARKER_COLOR = (0.1, 0.65, 0.15, 1.0)
REMEDY = f"install what drawing without a screen needs, and set it before Python starts: {HEADLESS}"

_OMITTED = (mujoco.mjtRndFlag.mjRND_SHADOW, mujoco.mjtRndFlag.mjRND_REFLECTION)  # most of the time without a GPU
_SHAPES = {Arrow: mujoco.mjtGeom.mjGEOM_ARROW, Post: mujoco.mjtGeom.mjGEOM_CYLINDER}


@dataclass(frozen=True)
class View:
    """A camera that looks along y, from the right of a body that faces along x, and moves with it.

    Attributes:
        distance: Distance from the point that the camera looks at, in metres.
        elevation: Angle by which the camera looks down, in degrees.
        height: Height of the point that the camera looks at, in metres; its x and y are the torso's.
    """

    distance: float = 3.0
    elevation: float = 8.0
    height: float = 0.6


@cache
def graphics_problem() -> str | None:
    """Returns why nothing can be drawn, or None; tries once, as MuJoCo aborts the process at a second failure."""
    try:
        with warnings.catch_warnings(action="ignore"):  # GLFW warns of what the error says
            mujoco.Renderer(mujoco.MjSpec().compile(), 1, 1).close()
    except Exception as error:  # each OpenGL platform has exceptions of its own
        return str(error)
    return None


class ModelRenderer:
    """Draws states of a model, whose first body is the torso, together with markers.

    Args:
        model: The model to draw; its largest size of pictures is set.
        size: Height and width of pictures, in pixels.
        view: The camera.

    Raises:
        RuntimeError: If there is no OpenGL context; the message says what to do.
    """

    def __init__(self, model: mujoco.MjModel, size: int, view: View) -> None:
        if problem := graphics_problem():
            raise RuntimeError(f"MuJoCo cannot draw here ({problem}); {REMEDY}")
        model.vis.global_.offheight = model.vis.global_.offwidth = size
        self._renderer: Any = mujoco.Renderer(model, size, size)
        for effect in _OMITTED:
            self._renderer.scene.flags[effect] = False
        self._model = model
        self._data = mujoco.MjData(model)
        self._view = view
        self._camera = mujoco.MjvCamera()
        self._camera.distance, self._camera.azimuth, self._camera.elevation = view.distance, 90.0, -view.elevation

    def pose(self, positions: NDArray[np.float64]) -> NDArray[np.float64]:
        """Takes a state's generalised positions, shape (nq,); returns the torso's position, shape (3,)."""
        self._data.qpos[:] = positions
        mujoco.mj_forward(self._model, self._data)
        torso: NDArray[np.float64] = self._data.xpos[TORSO].copy()
        return torso

    def draw(self, markers: Sequence[Arrow | Post]) -> NDArray[np.uint8]:
        """Draws the state that `pose` took last, and markers; returns an image of shape (height, width, 3)."""
        self._camera.lookat[:] = *self._data.xpos[TORSO, :2], self._view.height
        self._renderer.update_scene(self._data, self._camera)
        for marker in markers:
            self._add(marker)
        return np.array(self._renderer.render())

    def _add(self, marker: Arrow | Post) -> None:
        """Adds a marker to the scene, which is cleared for every picture."""
        scene, shape = self._renderer.scene, _SHAPES[type(marker)]
        geom = scene.geoms[scene.ngeom]
        color = np.array(MARKER_COLOR, dtype=np.float32)
        mujoco.mjv_initGeom(geom, shape, np.zeros(3), np.zeros(3), np.zeros(9), color)
        mujoco.mjv_connector(geom, shape, MARKER_WIDTH, marker.start, marker.end)
        geom.category, geom.objtype = mujoco.mjtCatBit.mjCAT_DECOR, mujoco.mjtObj.mjOBJ_UNKNOWN
        geom.emission = 0.5  # upright surfaces get no light from above
        scene.ngeom += 1

    def close(self) -> None:
        """Frees the graphics context."""
        self._renderer.close()
