"""Video files, written whole or not at all."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from fractions import Fraction
from math import ceil
from pathlib import Path
from typing import BinaryIO

from PIL import Image

try:
    import av
except ImportError:  # an extra
    av = None  # type: ignore[assignment]

from mamlrl.envs.task_env import Frame
from mamlrl.errors import UserError
from mamlrl.files import AnyPath, written

AddFrame = Callable[[Frame], None]

PALETTE_FRAMES = 16  # at most so many frames decide on the colours of a GIF
QUALITY = "20"  # of H.264: constant rate factor, lower is better


@contextmanager
def video_file(path: AnyPath, frame_rate: float) -> Iterator[AddFrame]:
    """Opens a video that appears at `path` when the block ends without an error.

    Args:
        path: File to write; its suffix says the format, `.mp4` (H.264) or `.gif`.
        frame_rate: Frames per second. GIFs hold frames for hundredths of a second, so theirs is rounded.

    Yields:
        A function that adds a frame, shape (height, width, 3) with even numbers, the same for all frames.

    Raises:
        UserError: If the suffix is another one, a library is missing, or the file cannot be written.
    """
    path = Path(path)
    write = _WRITERS.get(path.suffix.lower())
    if write is None:
        raise UserError(f"cannot write {path}: its suffix must be one of {', '.join(_WRITERS)}")
    if write is _mp4 and av is None:
        raise UserError(f"cannot write {path} without PyAV: run `pip install 'mamlrl[video]'`, or write a .gif")
    with written(path) as file, write(file, frame_rate) as add:
        yield add


@contextmanager
def _gif(file: BinaryIO, frame_rate: float) -> Iterator[AddFrame]:
    frames: list[Image.Image] = []
    yield lambda frame: frames.append(Image.fromarray(frame))
    palette = _common_palette(frames[:: ceil(len(frames) / PALETTE_FRAMES)])
    first, *others = (frame.quantize(palette=palette, dither=Image.Dither.NONE) for frame in frames)
    duration = 10 * max(round(100 / frame_rate), 1)  # milliseconds
    first.save(file, "GIF", save_all=True, append_images=others, duration=duration, loop=0)


def _common_palette(frames: Sequence[Image.Image]) -> Image.Image:
    """Returns an image whose palette serves all frames, so that none of them flickers."""
    width, height = frames[0].size
    all_frames = Image.new("RGB", (width, height * len(frames)))
    for index, frame in enumerate(frames):
        all_frames.paste(frame, (0, height * index))
    return all_frames.quantize()


@contextmanager
def _mp4(file: BinaryIO, frame_rate: float) -> Iterator[AddFrame]:
    try:
        with av.open(file, "w", format="mp4") as container:
            rate = Fraction(frame_rate).limit_denominator(1000)
            stream = container.add_stream("libx264", rate, options={"crf": QUALITY})
            stream.pix_fmt = "yuv420p"  # what every player can show

            def add(frame: Frame) -> None:
                if not stream.codec_context.is_open:
                    stream.height, stream.width = frame.shape[:2]
                container.mux(stream.encode(av.VideoFrame.from_ndarray(frame)))

            yield add
            container.mux(stream.encode())
    except av.FFmpegError as error:
        raise OSError(f"{error.strerror}; frames of H.264 have at most 16384 pixels on a side") from error


_WRITERS: dict[str, Callable[[BinaryIO, float], AbstractContextManager[AddFrame]]] = {".mp4": _mp4, ".gif": _gif}
