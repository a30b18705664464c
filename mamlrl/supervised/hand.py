"""An unsteady hand that draws a character again and again, from the curves of its strokes.

A stroke is a chain of cubic Bezier curves, each beginning where the one before it ends. Each drawing bends every
stroke a little, and turns, shears, scales and shifts the whole character.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from mamlrl.errors import UserError
from mamlrl.files import AnyPath
from mamlrl.supervised.image_files import visible

SIZE = 105  # pixels, as Omniglot's images
POINTS_ON_CURVE = 30  # of a stroke, or a few more
UNFINISHED = ".unfinished"  # in the folder for drawings
Strokes = Sequence[NDArray[np.float64]] | NDArray[np.float64]


@dataclass(frozen=True)
class Hand:
    """How unsteadily characters are drawn: standard deviations, lengths in widths of the image.

    Attributes:
        wobble: Shift of each of the four control points that bend a stroke: its own if it is one curve; a longer
            one is bent along its whole length, as by one movement.
        turn: Angle of the whole character, in radians.
        distortion: Change of each entry of the matrix that scales and shears.
        shift: Shift of the whole character.
        width: Least and greatest width of the strokes of a drawing, in pixels.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> character = rng.uniform(0.1, 0.9, (3, 4, 2))  # three strokes of one curve each
        >>> Hand().draw(rng, character).size
        (105, 105)
    """

    wobble: float = 0.03
    turn: float = 0.15
    distortion: float = 0.1
    shift: float = 0.04
    width: tuple[int, int] = (3, 3)

    def draw(self, rng: np.random.Generator, strokes: Strokes) -> Image.Image:
        """Draws a character once, black on white.

        Args:
            rng: Source of randomness.
            strokes: Control points of each stroke's chain of curves in the unit square, shape (3 x curves + 1, 2).
        """
        angle = rng.normal(0, self.turn)
        rotation = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
        matrix = rotation @ (np.eye(2) + rng.normal(0, self.distortion, (2, 2)))
        bends = rng.normal(0, self.wobble, (len(strokes), 4, 2))
        shift = rng.normal(0, self.shift, 2)
        width = int(rng.integers(*self.width, endpoint=True))
        image = Image.new("1", (SIZE, SIZE), 1)
        pen = ImageDraw.Draw(image)
        for stroke, bend in zip(strokes, bends, strict=True):
            points = chain(stroke)
            bent = points + bezier(bend, np.linspace(0, 1, len(points)))
            placed = 0.5 + (bent - 0.5) @ matrix + shift
            pen.line((placed * SIZE).ravel().tolist(), fill=0, width=width, joint="curve")
        return image


def bezier(controls: NDArray[np.float64], t: NDArray[np.float64]) -> NDArray[np.float64]:
    """Returns the points of a cubic Bezier curve at t in [0, 1], shape (point,).

    Args:
        controls: Control points of one curve, shape (4, 2), or of several, (curve, 4, 2).
        t: Where on the curve.

    Returns:
        Shape (point, 2), or (curve, point, 2).
    """
    weights = np.stack([(1 - t) ** 3, 3 * t * (1 - t) ** 2, 3 * t**2 * (1 - t), t**3], axis=1)
    return weights @ controls


def chain(controls: NDArray[np.float64]) -> NDArray[np.float64]:
    """Returns points on a chain of cubic Bezier curves, the same number of every curve, their joints among them.

    Args:
        controls: Control points, the last of a curve being the first of the next, shape (3 x curves + 1, 2).

    Returns:
        At least `POINTS_ON_CURVE` points, shape (point, 2).
    """
    curves = len(controls) // 3
    pieces = controls[3 * np.arange(curves)[:, None] + np.arange(4)]
    steps = -(-(POINTS_ON_CURVE - 1) // curves)
    points = bezier(pieces, np.linspace(0, 1, steps + 1))
    return np.concatenate([points[0, :1], points[:, 1:].reshape(-1, 2)])


@contextmanager
def drawn(folder: AnyPath, note: str) -> Iterator[Path]:
    """Yields a folder to draw into; what is in it enters the folder for drawings when all are drawn.

    Of drawings that were interrupted, nothing is left that could be taken for a data set.

    Args:
        folder: The folder for drawings.
        note: What its `README.txt` says.

    Raises:
        UserError: If the folder is not empty.
        OSError: If it cannot be written.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    if visible(folder):
        raise UserError(f"{folder} is not empty; choose another --output")
    unfinished = folder / UNFINISHED
    shutil.rmtree(unfinished, ignore_errors=True)  # of a process that was killed
    try:
        unfinished.mkdir()
        yield unfinished
        (unfinished / "README.txt").write_text(note, encoding="utf-8")
        for path in unfinished.iterdir():
            path.rename(folder / path.name)
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)


def write_drawings(
    folder: Path,
    hand: Hand,
    rng: np.random.Generator,
    strokes: Strokes,
    prefix: str,
    images: int,
) -> None:
    """Draws a character some times, into a new folder of its own and files named as Omniglot's are.

    Args:
        folder: The character's folder.
        hand: Draws it.
        rng: Source of randomness.
        strokes: See `Hand.draw`.
        prefix: Begins the names of the files, such as `0709` of `0709_01.png`.
        images: Number of drawings.

    Raises:
        OSError: If they cannot be written.
    """
    folder.mkdir(parents=True)
    for drawing in range(images):
        hand.draw(rng, strokes).save(folder / f"{prefix}_{drawing + 1:02}.png")
