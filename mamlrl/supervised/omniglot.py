"""Omniglot in its published layout (Lake et al. 2015), and generated drawings in the same one.

FOLDER/images_background/Alphabet/character01/0709_01.png     105 x 105 pixels, black on white
FOLDER/images_evaluation/...
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from mamlrl.errors import UserError
from mamlrl.supervised.image_sets import ImageFormat, ImageSet, read_image_set

PARTS = ("images_background", "images_evaluation")
LAYOUT = f"{' and '.join(PARTS)}, with a folder for each alphabet and character"
FORMAT = ImageFormat(size=28, mode="L")
TRAINING_SHARE = 1200 / 1623  # the paper trains on 1200 of all 1623 characters, chosen at random
SPLIT_SEED = 0


def read_omniglot(folder: Path, split: str) -> ImageSet:
    """Reads the characters for training, every rotation by 90 degrees a class of its own, or those for testing.

    As in Finn et al. 2017, section 5.2, images are scaled to 28 x 28 pixels, and strokes are bright.

    Args:
        folder: Holds `images_background`, `images_evaluation`, or both.
        split: `train` or `test`.

    Raises:
        UserError: If there are no characters in the folder, or an image cannot be read.
    """
    characters = sorted(path for part in PARTS for path in folder.glob(f"{part}/*/*") if path.is_dir())
    if not characters:
        raise UserError(f"data.folder: there are no characters in {folder}; it must hold {LAYOUT}")
    order = np.random.default_rng(SPLIT_SEED).permutation(len(characters))
    num_training = round(TRAINING_SHARE * len(characters))
    chosen = sorted(order[:num_training] if split == "train" else order[num_training:])
    classes = {str(characters[index]): sorted(characters[index].glob("*.png")) for index in chosen}
    read = read_image_set(classes, FORMAT)
    bright = replace(read, images=255 - read.images)
    return bright.with_rotations() if split == "train" else bright
