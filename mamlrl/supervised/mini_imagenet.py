"""MiniImagenet in its published layout (Vinyals et al. 2016, split by Ravi & Larochelle 2017).

FOLDER/images/n0153282900000005.jpg
FOLDER/train.csv, val.csv, test.csv       a row per image: filename,label
"""

from __future__ import annotations

import csv
from collections.abc import Mapping
from pathlib import Path

from mamlrl.errors import UserError
from mamlrl.supervised.image_files import ImageFormat, check_distinct
from mamlrl.supervised.image_sets import ImageSet, read_image_set
from mamlrl.supervised.splits import SPLITS, describe

LAYOUT = "images, train.csv, val.csv and test.csv"
FORMAT = ImageFormat(size=84, mode="RGB")

Classes = dict[str, list[Path]]


def read_mini_imagenet(folder: Path, split: str) -> ImageSet:
    """Reads the images that a split's CSV lists, scaled to 84 x 84 pixels.

    Args:
        folder: Holds `images` and the CSVs.
        split: `train`, `val` or `test`.

    Raises:
        UserError: If the CSV, or an image that it lists, is missing or cannot be read, or if an image is listed
            twice or a class in two CSVs.
    """
    tables = {name: _read_table(folder, name) for name in SPLITS if name == split or _table(folder, name).exists()}
    _check_apart(folder, tables)
    classes = tables[split]
    missing = [path for paths in classes.values() for path in paths if not path.is_file()]
    if missing:
        raise UserError(
            f"{_table(folder, split)} lists {missing[0].name}, one of {len(missing)} images that are not in "
            f"{folder / 'images'}; put them there, or remove their rows"
        )
    sizes = (name for name, table in tables.items() for _ in table)
    ordered = {label: sorted(classes[label]) for label in sorted(classes)}
    return read_image_set(ordered, FORMAT, describe(_table(folder, split), split, sizes))


def _table(folder: Path, split: str) -> Path:
    return folder / f"{split}.csv"


def _read_table(folder: Path, split: str) -> Classes:
    """The images of each class in a split."""
    classes: Classes = {}
    for filename, label in _read_rows(_table(folder, split)):
        classes.setdefault(label, []).append(folder / "images" / filename)
    return classes


def _check_apart(folder: Path, tables: Mapping[str, Classes]) -> None:
    """Checks that every class is in one CSV and every image in one row."""
    first: dict[str, str] = {}
    for split, classes in tables.items():
        for label in classes:
            if first.setdefault(label, split) != split:
                raise UserError(
                    f"{_table(folder, split)} has the class {label}, which is in {first[label]}.csv, too; "
                    "every class must be in one of the splits only"
                )
    check_distinct(
        (f"{label} in {split}.csv", path)
        for split, classes in tables.items()
        for label, paths in classes.items()
        for path in paths
    )


def _read_rows(table: Path) -> list[tuple[str, str]]:
    """File name and label of every row."""
    wanted = f"{table} must be a CSV with the columns filename and label, and a row for each image"
    rows = []
    try:
        with open(table, newline="", encoding="utf-8-sig") as file:
            reader = csv.DictReader(file)
            for row in reader:
                filename, label = ((row[column] or "").strip() for column in ("filename", "label"))
                if not filename or not label or None in row:
                    raise UserError(f"{wanted}; line {reader.line_num} is none")
                rows.append((filename, label))
    except OSError as error:
        raise UserError(
            f"data.folder: cannot read {table} ({error.strerror}); the folder must hold {LAYOUT}"
        ) from error
    except (KeyError, csv.Error, UnicodeDecodeError) as error:
        raise UserError(wanted) from error
    if not rows:
        raise UserError(wanted)
    return rows
