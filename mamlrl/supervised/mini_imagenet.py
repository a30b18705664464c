"""MiniImagenet in its published layout (Vinyals et al. 2016, split by Ravi & Larochelle 2017).

FOLDER/images/n0153282900000005.jpg
FOLDER/train.csv, val.csv, test.csv       a row per image: filename,label
"""

from __future__ import annotations

import csv
from pathlib import Path

from mamlrl.errors import UserError
from mamlrl.supervised.image_sets import ImageFormat, ImageSet, read_image_set

LAYOUT = "images, train.csv and test.csv"
FORMAT = ImageFormat(size=84, mode="RGB")


def read_mini_imagenet(folder: Path, split: str) -> ImageSet:
    """Reads the images that a split's CSV lists, scaled to 84 x 84 pixels.

    Args:
        folder: Holds `images` and the CSVs.
        split: `train`, `val` or `test`.

    Raises:
        UserError: If the CSV, or an image that it lists, is missing or cannot be read.
    """
    table = folder / f"{split}.csv"
    classes: dict[str, list[Path]] = {}
    for filename, label in _read_rows(table):
        classes.setdefault(label, []).append(folder / "images" / filename)
    missing = [path for paths in classes.values() for path in paths if not path.is_file()]
    if missing:
        raise UserError(
            f"{table} lists {missing[0].name}, one of {len(missing)} images that are not in {folder / 'images'}; "
            "put them there, or remove their rows"
        )
    return read_image_set({f"{label} of {table}": sorted(classes[label]) for label in sorted(classes)}, FORMAT)


def _read_rows(table: Path) -> list[tuple[str, str]]:
    """File name and label of every row."""
    try:
        with open(table, newline="") as file:
            rows = [(row["filename"], row["label"]) for row in csv.DictReader(file)]
    except OSError as error:
        raise UserError(
            f"data.folder: cannot read {table} ({error.strerror}); the folder must hold {LAYOUT}"
        ) from error
    except (KeyError, csv.Error, UnicodeDecodeError):
        rows = []
    if not rows or not all(filename and label for filename, label in rows):
        raise UserError(f"{table} must be a CSV with the columns filename and label, and a row for each image")
    return rows
