"""Small data sets of noise in the published layouts."""

import csv

import numpy as np
from PIL import Image


def make_omniglot(folder, characters=10, images=4, parts=("images_background", "images_evaluation")):
    """Characters alternate between the parts."""
    rng = np.random.default_rng(0)
    for character in range(characters):
        part = parts[character % len(parts)]
        path = folder / part / f"Alphabet_{character % 3}" / f"character{character + 1:02}"
        path.mkdir(parents=True)
        for image in range(images):
            pixels = rng.random((105, 105)) < 0.5
            Image.fromarray(pixels).convert("1").save(path / f"{character + 1:04}_{image + 1:02}.png")
    return folder


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
