"""Pictures of a few numbers, as bars."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from mamlrl.envs.task_env import Frame


def draw_bars(values: NDArray[np.float64], marked: int, size: int) -> Frame:
    """Draws a bar for each value, one of them in another colour.

    Args:
        values: Heights, shape (bar,), relative to the largest absolute one, or to 1 if that is larger; those below
            0 hang from the middle.
        marked: Index of the bar that is marked; another number marks none.
        size: Height and width of the picture, in pixels.

    Returns:
        Shape (size, size, 3).
    """
    image = Image.new("RGB", (size, size), "white")
    canvas = ImageDraw.Draw(image)
    has_negative = bool(np.any(values < 0))
    ground = size / 2 if has_negative else size - 1.0
    scale = 0.95 * ground / max(1.0, float(np.max(np.abs(values))))
    width = size / len(values)
    for index, value in enumerate(values):
        top, bottom = sorted([ground, ground - scale * float(value)])
        colour = "green" if index == marked else "silver"
        canvas.rectangle([(index + 0.1) * width, top, (index + 0.9) * width, bottom], fill=colour)
    return np.asarray(image)
