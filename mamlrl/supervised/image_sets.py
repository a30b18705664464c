"""Images of many classes, decoded once and kept in memory."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from mamlrl.errors import UserError


@dataclass(frozen=True)
class ImageFormat:
    """What images become when they are read.

    Attributes:
        size: Height and width in pixels.
        mode: Pillow's name of their channels: `L` is grey, `RGB` colour.
    """

    size: int
    mode: str

    def decode(self, path: Path) -> NDArray[np.uint8]:
        """Reads one image, shape (channel, size, size).

        Raises:
            UserError: If the file is not an image that can be read.
        """
        try:
            with Image.open(path) as image:
                # Pillow resizes two-colour images without averaging: convert them first
                resized = image.convert(self.mode).resize((self.size, self.size), Image.Resampling.LANCZOS)
        except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
            raise UserError(f"cannot read the image {path} ({error}); replace or remove it") from error
        pixels = np.asarray(resized, dtype=np.uint8)
        return pixels.reshape(self.size, self.size, -1).transpose(2, 0, 1)


@dataclass(frozen=True)
class ImageSet:
    """Images, sorted by class.

    Attributes:
        images: Shape (image, channel, height, width).
        counts: Number of images of each class, shape (class,).
        names: Names of the classes, for messages.
    """

    images: NDArray[np.uint8]
    counts: NDArray[np.int64]
    names: tuple[str, ...]

    @property
    def starts(self) -> NDArray[np.int64]:
        """Index of the first image of each class, shape (class,)."""
        return np.cumsum(self.counts) - self.counts

    def with_rotations(self) -> ImageSet:
        """Adds three classes for each class: its images rotated by 90, 180 and 270 degrees."""
        rotated = [np.rot90(self.images, turns, axes=(2, 3)) for turns in range(4)]
        names = tuple(
            f"{name}, rotated by {90 * turns}" if turns else name for turns in range(4) for name in self.names
        )
        return ImageSet(np.concatenate(rotated), np.tile(self.counts, 4), names)


def read_image_set(classes: Mapping[str, Sequence[Path]], image_format: ImageFormat) -> ImageSet:
    """Reads the image files of every class, on all cores.

    Args:
        classes: Name of a class to its files.
        image_format: What the images become.

    Raises:
        UserError: If a file is not an image that can be read.
    """
    paths = [path for files in classes.values() for path in files]
    channels = len(Image.new(image_format.mode, (1, 1)).getbands())
    images = np.empty((len(paths), channels, image_format.size, image_format.size), np.uint8)
    with ThreadPoolExecutor() as pool:
        for index, pixels in enumerate(pool.map(image_format.decode, paths)):
            images[index] = pixels
    return ImageSet(images, np.array([len(files) for files in classes.values()], np.int64), tuple(classes))


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
    if not Path(folder).is_dir():
        raise UserError(f"data.folder: there is no folder {folder}; {dataset} needs one that holds {layout}")
    return Path(folder)
