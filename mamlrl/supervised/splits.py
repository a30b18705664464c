"""Classes for training, for validation and for testing: apart from each other, by name."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable
from hashlib import sha256
from pathlib import Path
from unicodedata import normalize

from mamlrl.errors import UserError

SPLITS = ("train", "val", "test")
# as in later papers; Finn et al. 2017 train on 1200 of Omniglot's 1623 characters, which are the first two here
SHARES = {"train": 1100, "val": 100, "test": 423}
# any number would do: this is the first by which Omniglot has just these numbers of characters
KEY = 14302


def split_of(name: str) -> str:
    """Returns the split of a class, which depends on nothing but its name.

    Of many classes, the splits have about the shares in `SHARES`; of few, a split may have none.
    """
    text = f"{KEY} {normalize('NFC', name)}"
    draw = int.from_bytes(sha256(text.encode(errors="surrogateescape")).digest()[:8], "big")
    position = sum(SHARES.values()) * draw // 2**64
    for split, share in SHARES.items():
        if position < share:
            return split
        position -= share
    raise AssertionError("a position is below the sum of the shares")


def describe(source: Path, split: str, splits_of_classes: Iterable[str]) -> str:
    """Says what a split has, such as `split val of data/strokes (classes: 135 train, 13 val, 52 test)`."""
    counts = Counter(splits_of_classes)
    return f"split {split} of {source} (classes: {', '.join(f'{counts[name]} {name}' for name in SPLITS)})"


def check_apart(trained: Collection[str], held_out: Collection[str], purpose: str) -> None:
    """Checks that no class is among those for training and among others.

    Args:
        trained: Names of classes that are trained on.
        held_out: Names of classes that are for something else.
        purpose: What these are for.

    Raises:
        UserError: If one is.
    """
    both = set(trained) & set(held_out)
    if both:
        raise UserError(
            f"data.folder: {len(both)} of {len(held_out)} classes for {purpose} are trained on: {listed(both)}; "
            "take data whose classes for training are others"
        )


def listed(names: Collection[str], most: int = 5) -> str:
    """Returns names for a message, the first of them in full, such as `a, b and 3 more`."""
    first = ", ".join(sorted(names)[:most])
    return first if len(names) <= most else f"{first} and {len(names) - most} more"
