"""Small data sets of noise in the published layouts."""

import csv
from itertools import count

import numpy as np
from PIL import Image

from mamlrl.supervised.splits import split_of

SMALL = [
    "--data.ways=2",
    "--data.shots=1",
    "--data.queries=2",
    "--data.validation_tasks=8",
    "--network.hidden_sizes=[3, 2]",
    "--meta_batch_size=2",
    "--iterations=3",
    "--save_every=1",
    "--evaluation.tasks=3",
    "--evaluation.queries=2",
]
PATTERN = ("train", "val", "test", "train", "test", "val", "train", "train", "train", "test")


def make_omniglot(folder, characters=10, images=4, parts=("images_background", "images_evaluation")):
    """Characters alternate between the parts; of ten, 5 are for training, 2 for validation and 3 for testing."""
    rng = np.random.default_rng(0)
    for character in range(characters):
        path = folder / parts[character % len(parts)] / name_in(PATTERN[character % len(PATTERN)], character)
        path.mkdir(parents=True)
        for image in range(images):
            pixels = rng.random((105, 105)) < 0.5
            Image.fromarray(pixels).convert("1").save(path / f"{character + 1:04}_{image + 1:02}.png")
    return folder


def name_in(split, character):
    """Name of a character that is in a split; different characters have different names."""
    names = (f"Alphabet_{character % 3}/character{character + 1:02}{'x' * more}" for more in count())
    return next(name for name in names if split_of(name) == split)


def make_mini_imagenet(folder, classes=4, images=3, splits=("train", "val", "test")):
    rng = np.random.default_rng(0)
    (folder / "images").mkdir(parents=True)
    for split in splits:
        rows = []
        for image in range(images):
            for label in range(classes):
                name = f"n{split}{label:04}{image:08}.jpg"
                pixels = rng.integers(256, size=(90, 100, 3), dtype=np.uint8)
                Image.fromarray(pixels).save(folder / "images" / name)
                rows.append((name, f"n{split}{label:04}"))
        write_split(folder / f"{split}.csv", rows)
    return folder


def write_split(path, rows, header=("filename", "label")):
    with open(path, "w", newline="") as file:
        csv.writer(file).writerows([header, *rows])


def options(config, folder):
    """Command-line options of an experiment small enough for tests on a data set of this size."""
    return [f"--config={config}", f"--data.folder={folder}", *SMALL]
