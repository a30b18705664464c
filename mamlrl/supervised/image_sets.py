"""Images of many classes, decoded once and kept in memory."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from mamlrl.errors import UserError
from mamlrl.supervised.image_files import ImageFormat


@dataclass(frozen=True)
class ImageSet:
    """Images, sorted by class.

    Attributes:
        images: Shape (image, channel, height, width).
        counts: Number of images of each class, shape (class,).
        names: Names of the classes, by which those of training are told from others; rotations of a class go by
            its name. They should not depend on where the images are.
        origin: What the classes are from, for messages.
    """

    images: NDArray[np.uint8]
    counts: NDArray[np.int64]
    names: tuple[str, ...]
    origin: str = "the data set"

    @property
    def starts(self) -> NDArray[np.int64]:
        """Index of the first image of each class, shape (class,)."""
        return np.cumsum(self.counts) - self.counts

    def with_rotations(self) -> ImageSet:
        """Adds three classes for each class: its images rotated by 90, 180 and 270 degrees."""
        rotated = [np.rot90(self.images, turns, axes=(2, 3)) for turns in range(4)]
        return replace(self, images=np.concatenate(rotated), counts=np.tile(self.counts, 4))


def read_image_set(classes: Mapping[str, Sequence[Path]], image_format: ImageFormat, origin: str) -> ImageSet:
    """Reads the image files of every class, on all cores.

    Args:
        classes: Name of a class to its files.
        image_format: What the images become.
        origin: What the classes are from, for messages.

    Raises:
        UserError: If a file is not an image that can be read.
    """
    paths = [path for files in classes.values() for path in files]
    channels = len(Image.new(image_format.mode, (1, 1)).getbands())
    images = np.empty((len(paths), channels, image_format.size, image_format.size), np.uint8)
    with ThreadPoolExecutor() as pool:
        for index, pixels in enumerate(pool.map(image_format.decode, paths)):
            images[index] = pixels
    counts = np.array([len(files) for files in classes.values()], np.int64)
    return ImageSet(images, counts, tuple(classes), origin)


def check_folder(folder: str | None, dataset: str, layout: str) -> Path:
    """Returns the folder of a data set.

    Args:
        folder: The setting `data.folder`.
        dataset: Name of the data set.
        layout: What the folder should hold.

    Raises:
        UserError: If there is no such folder.
    """
    if folder is None:
        raise UserError(f"data.folder: name the folder of {dataset}, which holds {layout}")
    if not os.path.isdir(folder):
        raise UserError(f"data.folder: there is no folder {folder}; {dataset} needs one that holds {layout}")
    return Path(folder)
