"""A picture of some characters for testing, each drawn several times, as `mamlrl kanji` draws them.

    python docs/results/kanji/drawings.py DATA PICTURE

DATA is the folder of `mamlrl kanji`, PICTURE a file such as drawings.png.
"""

import sys
from collections.abc import Sequence
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

from mamlrl.supervised.omniglot import read_omniglot

CHARACTERS, DRAWINGS, SEED = 8, 12, 0


def draw(folder: Path) -> np.ndarray:
    """Returns a sheet of drawings at 28 x 28 pixels, as networks see them: a character in each row."""
    images = read_omniglot(folder, "test")
    chosen = np.sort(np.random.default_rng(SEED).choice(len(images.counts), CHARACTERS, replace=False))
    rows = [images.images[images.starts[index] :][:DRAWINGS, 0] for index in chosen]
    return 255 - np.concatenate([np.concatenate(list(row), axis=1) for row in rows])


def main(arguments: Sequence[str] | None = None) -> None:
    """Writes the picture."""
    folder, picture = sys.argv[1:] if arguments is None else arguments
    sheet = draw(Path(folder))
    plt.imsave(picture, sheet.repeat(3, axis=0).repeat(3, axis=1), cmap="gray", vmin=0, vmax=255)


if __name__ == "__main__":
    main()
