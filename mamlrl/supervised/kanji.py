"""Real characters, drawn again and again by an unsteady hand: the strokes of KanjiVG, in Omniglot's layout.

KanjiVG (https://kanjivg.tagaini.net, copyright Ulrich Apel, Creative Commons Attribution-Share Alike 3.0) holds
the strokes of thousands of kanji, of kana, Latin letters and digits. The package `kanjivg` has a file of SVG paths
for each character; the extra `kanji` installs it.
"""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mamlrl.errors import UserError
from mamlrl.files import AnyPath, os_errors_as
from mamlrl.supervised.hand import Hand, drawn, write_drawings
from mamlrl.supervised.omniglot import PARTS
from mamlrl.supervised.splits import split_of

ALPHABET = "KanjiVG"
CHARACTERS = 1623  # as many as Omniglot has
BOX = 109  # height and width of the package's pictures
# strokes are shorter than those of `mamlrl strokes`, and closer to each other
HAND = Hand(wobble=0.02, width=(2, 4))
NOTE = """Drawings of the characters of KanjiVG, made by `mamlrl kanji --seed {seed}` for few-shot classification.
KanjiVG is copyright Ulrich Apel, https://kanjivg.tagaini.net, and released under the Creative Commons
Attribution-Share Alike 3.0 licence, http://creativecommons.org/licenses/by-sa/3.0/. So are these drawings.
"""


def write_kanji(folder: AnyPath, seed: int, characters: int = CHARACTERS, images: int = 20) -> None:
    """Draws the characters that have the fewest strokes, laid out as Omniglot is.

    At 28 x 28 pixels, characters of many strokes are blots. `images_background` holds the classes for training.
    The drawings of a character depend on the seed and on itself alone, not on how many others there are.

    Characters are apart from each other by code point, not by look: I and l have the same stroke, hiragana and
    katakana share some. As in Omniglot, whose alphabets share letters, a few classes for testing resemble one for
    training: a handful of 412.

    Args:
        folder: Folder to write to; it must not exist, or be empty.
        seed: Seed of all drawings.
        characters: Number of characters.
        images: Number of images of a character.

    Raises:
        UserError: If the extra `kanji` is not installed, or has fewer characters, or the folder is not empty, or
            cannot be written.
    """
    found = read_characters(kanjivg_folder())
    if characters > len(found):
        raise UserError(f"--characters: KanjiVG has {len(found)} characters, not {characters}; choose fewer")
    simplest = sorted(found, key=lambda name: (len(found[name]), name))[:characters]
    with os_errors_as(f"cannot write to {folder}"), drawn(folder, NOTE.format(seed=seed)) as root:
        for name in simplest:
            part = PARTS[0] if split_of(f"{ALPHABET}/{name}") == "train" else PARTS[1]
            rng = np.random.default_rng([seed, int(name, 16)])
            write_drawings(root / part / ALPHABET / name, HAND, rng, found[name], name, images)


def kanjivg_folder() -> Path:
    """Returns the folder of the SVG files of the package `kanjivg`.

    Raises:
        UserError: If the extra `kanji` is not installed.
    """
    try:
        return Path(str(distribution("kanjivg").locate_file("kanji")))
    except PackageNotFoundError as error:
        raise UserError("kanji: KanjiVG is not installed; pip install 'mamlrl[kanji]'") from error


def read_characters(folder: Path) -> dict[str, list[NDArray[np.float64]]]:
    """Reads the strokes of all characters in their usual form, and of none of the variants.

    Args:
        folder: Holds a file such as `04e00.svg` for each character, named by its code point in hexadecimal.

    Returns:
        Code point to strokes, see `Hand.draw`.

    Raises:
        UserError: If there are no such files, or one is damaged.
    """
    with os_errors_as(f"kanji: cannot read {folder}"):
        paths = sorted(path for path in folder.glob("*.svg") if "-" not in path.stem)  # variants have a dash
    if not paths:
        raise UserError(f"kanji: there are no characters in {folder}; install the extra again: 'mamlrl[kanji]'")
    return {path.stem: read_strokes(path) for path in paths}


def read_strokes(path: Path) -> list[NDArray[np.float64]]:
    """Reads the strokes of a file of SVG paths, in their order.

    Returns:
        The control points of each stroke in the unit square, shape (3 x curves + 1, 2), y downwards.

    Raises:
        UserError: If the file cannot be read, or its paths are something else than curves.
    """
    from fontTools.pens.recordingPen import RecordingPen  # noqa: PLC0415 (slow, and needed here alone)
    from fontTools.svgLib.path import SVGPath  # noqa: PLC0415

    pen = RecordingPen()
    try:
        SVGPath(str(path)).draw(pen)
        strokes: list[list[tuple[float, float]]] = []
        for operation, points in pen.value:
            if operation == "moveTo":
                strokes.append([])
            elif operation not in ("curveTo", "endPath"):
                raise ValueError(f"{operation} is no cubic curve")
            if points:
                strokes[-1] += points
        controls = [np.array(stroke) / BOX for stroke in strokes]
    except (OSError, SyntaxError, ValueError, IndexError) as error:
        raise UserError(
            f"kanji: cannot read the strokes of {path} ({error}); install mamlrl[kanji] again"
        ) from error
    if not controls or any(len(points) < 4 or points.shape[1:] != (2,) for points in controls):
        raise UserError(f"kanji: {path} holds no strokes; install mamlrl[kanji] again")
    return controls
