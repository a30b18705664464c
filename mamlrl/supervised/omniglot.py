"""Omniglot in its published layout (Lake et al. 2015), and generated drawings in the same one.

FOLDER/images_background/Alphabet/character01/0709_01.png     105 x 105 pixels, black on white
FOLDER/images_evaluation/...
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from mamlrl.errors import UserError
from mamlrl.files import os_errors_as
from mamlrl.supervised.image_files import ImageFormat, check_distinct, visible
from mamlrl.supervised.image_sets import ImageSet, read_image_set
from mamlrl.supervised.splits import describe, split_of

PARTS = ("images_background", "images_evaluation")
LAYOUT = f"{' and '.join(PARTS)}, with a folder for each alphabet and character"
FORMAT = ImageFormat(size=28, mode="L")


def read_omniglot(folder: Path, split: str) -> ImageSet:
    """Reads the characters for training, every rotation by 90 degrees a class of its own, or others as they are.

    As in Finn et al. 2017, section 5.2, images are scaled to 28 x 28 pixels, and strokes are bright. The name of a
    character, with its alphabet's, decides its split: others, added or removed, do not change it.

    Args:
        folder: Holds `images_background`, `images_evaluation`, or both.
        split: `train`, `val` or `test`.

    Raises:
        UserError: If there are no characters in the folder, or one twice, or an image cannot be read.
    """
    with os_errors_as(f"data.folder: cannot read {folder}"):
        files = {name: visible(path) for name, path in _characters(folder).items()}
    splits = {name: split_of(name) for name in files}
    check_distinct((f"{name} ({splits[name]})", path) for name, paths in files.items() for path in paths)
    classes = {name: paths for name, paths in files.items() if splits[name] == split}
    read = read_image_set(classes, FORMAT, describe(folder, split, splits.values()))
    bright = replace(read, images=255 - read.images)
    return bright.with_rotations() if split == "train" else bright


def _characters(folder: Path) -> dict[str, Path]:
    """The folders of all characters, by the name that alphabet and character make, in the order of the names."""
    found: dict[str, Path] = {}
    for part in filter(Path.is_dir, (folder / part for part in PARTS)):
        for alphabet in filter(Path.is_dir, visible(part)):
            for path in filter(Path.is_dir, visible(alphabet)):
                name = f"{alphabet.name}/{path.name}"
                if name in found:
                    raise UserError(
                        f"data.folder: {path} is the same character as {found[name]}; remove one of them"
                    )
                found[name] = path
    if not found:
        raise UserError(f"data.folder: there are no characters in {folder}; it must hold {LAYOUT}")
    return dict(sorted(found.items()))
