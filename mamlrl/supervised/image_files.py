"""Image files: which of a folder's are images, that none is taken twice, and what their pixels are."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from mamlrl.errors import UserError

# what systems and programs leave in folders, beside hidden files; compared in lower case
JUNK = {"__macosx", "thumbs.db", "ehthumbs.db", "desktop.ini", "$recycle.bin", "@eadir", "lost+found"}
EIGHT_BITS = {"1", "L", "P", "RGB", "CMYK", "YCbCr", "HSV"}  # Pillow's names, of what it converts right
SIXTEEN_BITS = {"I;16", "I;16L", "I;16B", "I;16N"}
SIXTEEN_BITS_IN_32 = {"PNG", "PPM"}  # formats whose mode `I` is of 16 bits


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
        """Reads one image, shape (channel, size, size); what is transparent is white, as paper is.

        Raises:
            UserError: If the file is not an image that can be read, is damaged, or has pixels of another format.
        """
        try:
            data = path.read_bytes()
            with Image.open(BytesIO(data)) as image:
                image.verify()  # checksums, which decoding ignores
            with Image.open(BytesIO(data)) as image:
                # Pillow resizes two-colour images without averaging: convert them first
                resized = opaque(image).convert(self.mode).resize((self.size, self.size), Image.Resampling.LANCZOS)
        except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
            raise UserError(f"cannot read the image {path} ({error}); replace or remove it") from error
        pixels = np.asarray(resized, dtype=np.uint8)
        return pixels.reshape(self.size, self.size, -1).transpose(2, 0, 1)


def opaque(image: Image.Image) -> Image.Image:
    """Returns an image of at most 8 bits for each channel, on white where it is transparent.

    Raises:
        ValueError: If its pixels are of a format whose range of values is not known.
    """
    sixteen_bits = image.mode in SIXTEEN_BITS or (image.mode == "I" and image.format in SIXTEEN_BITS_IN_32)
    if sixteen_bits and not image.has_transparency_data:
        return Image.fromarray(np.round(np.asarray(image) / 257).astype(np.uint8))
    if image.has_transparency_data and not sixteen_bits:
        drawn = image.convert("RGBA")
        return Image.alpha_composite(Image.new("RGBA", drawn.size, "white"), drawn)
    if image.mode not in EIGHT_BITS:
        raise ValueError(f"its pixels are {image.mode}, of which only grey and colour of 8 or 16 bits are read")
    return image


def visible(folder: Path) -> list[Path]:
    """Returns what a folder holds, sorted, without hidden files and what systems leave behind.

    Raises:
        OSError: If the folder cannot be read.
    """
    return sorted(
        path for path in folder.iterdir() if not path.name.startswith(".") and path.name.lower() not in JUNK
    )


def check_distinct(images: Iterable[tuple[str, Path]]) -> None:
    """Checks that no image file is taken twice, be it by another name.

    Args:
        images: The class of each image, for messages, and its file, which need not exist.

    Raises:
        UserError: If one is.
    """
    seen: dict[object, tuple[str, Path]] = {}
    for owner, path in images:
        first_owner, first = seen.setdefault(_identity(path), (owner, path))
        if first is not path:
            also = "" if first == path else f", as {first}"
            raise UserError(
                f"the image {path} of {owner} is already an image of {first_owner}{also}; remove one of the two"
            )


def _identity(path: Path) -> object:
    """The same for all names of a file."""
    try:
        status = path.stat()
    except (OSError, ValueError):
        return os.path.normpath(path)
    return status.st_dev, status.st_ino
