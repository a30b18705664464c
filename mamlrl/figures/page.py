"""Pages of pictures: a row for each task, a column for each number of gradient steps, text above all of them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from mamlrl.envs.task_env import Frame

GAP = 4  # pixels around pictures


class Page:
    """Lays out pictures in squares, with text: one line for the page, one per row, two per picture.

    Args:
        size: Side of the square of a picture, in pixels.
        title: Title of the page.
        rows: Title of each row.
        columns: Pictures in a row.
    """

    def __init__(self, size: int, title: str, rows: Sequence[str], columns: int) -> None:
        self._size = size
        self._columns = columns
        text_height = max(size / 18, 8)
        self._font = ImageFont.load_default(text_height)
        self._line = round(1.4 * text_height)
        self._row_height = 3 * self._line + size + GAP
        width, height = columns * (size + GAP) + GAP, self._line + GAP + len(rows) * self._row_height
        even = (width + width % 2, height + height % 2)  # as H.264 wants it
        self._blank = Image.new("RGB", even, "white")
        self._write(self._blank, (GAP, GAP), title)
        for row, text in enumerate(rows):
            self._write(self._blank, (GAP, self._top(row)), text)

    def compose(self, pictures: Sequence[Frame], captions: Sequence[tuple[str, str]]) -> Frame:
        """Returns the page as an image.

        Args:
            pictures: Row by row, each of shape (height, width, 3); those of other sizes than the square are scaled
                to fit into it, whole and undistorted, in the middle.
            captions: Two lines for each picture.

        Returns:
            Shape (height, width, 3), both even.
        """
        page = self._blank.copy()
        for index, (picture, lines) in enumerate(zip(pictures, captions, strict=True)):
            row, column = divmod(index, self._columns)
            left, top = GAP + column * (self._size + GAP), self._top(row) + self._line
            for line in lines:
                self._write(page, (left, top), line)
                top += self._line
            image = _fitted(picture, self._size)
            page.paste(image, (left + (self._size - image.width) // 2, top + (self._size - image.height) // 2))
        return np.asarray(page)

    def _top(self, row: int) -> int:
        return self._line + GAP + row * self._row_height

    def _write(self, page: Image.Image, corner: tuple[int, int], text: str) -> None:
        ImageDraw.Draw(page).text(corner, text, fill="black", font=self._font)


def _fitted(picture: Frame, size: int) -> Image.Image:
    """Returns a picture whose longer side has `size` pixels."""
    image = Image.fromarray(picture)
    scale = size / max(image.size)
    width, height = (max(1, round(scale * side)) for side in image.size)
    return image if (width, height) == image.size else image.resize((width, height), Image.Resampling.LANCZOS)
