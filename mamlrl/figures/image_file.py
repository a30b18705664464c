"""Image files of figures, written whole or not at all."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from mamlrl.errors import UserError
from mamlrl.files import AnyPath, written

DOTS_PER_INCH = 150


def write_figure(figure: Figure, path: AnyPath) -> None:
    """Writes a figure to an image file.

    Args:
        figure: Figure to write.
        path: File to write; its suffix says the format, such as `.png` or `.pdf`.

    Raises:
        UserError: If the suffix is unknown, the figure too large for the format, or the file cannot be written.
    """
    path = Path(path)
    suffix = path.suffix.removeprefix(".").lower()
    formats = FigureCanvasAgg(figure).get_supported_filetypes()
    if suffix not in formats:
        raise UserError(f"cannot write {path}: its suffix must be one of {', '.join(sorted(formats))}")
    image = BytesIO()  # drawing takes long: a process that is killed meanwhile leaves no file behind
    try:
        figure.savefig(image, format=suffix, dpi=DOTS_PER_INCH)
    except ValueError as error:  # such as more pixels than Matplotlib can draw
        raise UserError(f"cannot write {path}: {error}") from error
    with written(path) as file:
        file.write(image.getvalue())
