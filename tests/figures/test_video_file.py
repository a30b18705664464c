import os
from fractions import Fraction

import av
import numpy as np
import pytest
from PIL import Image, ImageSequence

from mamlrl.errors import UserError
from mamlrl.figures import video_file as video_files
from mamlrl.figures.video_file import video_file

HEIGHT, WIDTH = 32, 48
COLORS = [(200, 30, 30), (30, 200, 30), (30, 30, 200), (120, 120, 120), (250, 250, 250)]


def plain(color):
    """A picture of one colour, but for a black corner that would show if it were turned over."""
    frame = np.full((HEIGHT, WIDTH, 3), color, np.uint8)
    frame[:8, :16] = 0
    return frame


def write(path, frame_rate=10, error=None):
    with video_file(path, frame_rate) as add:
        for color in COLORS:
            add(plain(color))
        if error is not None:
            raise error


def read(path):
    """The frames of a video, and the frames a second."""
    if path.suffix.lower() == ".gif":
        with Image.open(path) as image:
            shown = [
                (np.array(frame.convert("RGB")), frame.info["duration"]) for frame in ImageSequence.Iterator(image)
            ]
        return [frame for frame, _ in shown], Fraction(1000, shown[0][1])
    with av.open(str(path)) as container:
        frames = [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
        return frames, container.streams.video[0].average_rate


@pytest.fixture(params=["film.mp4", "film.gif", "film.GIF", "new/folder/film.MP4"])
def path(request, tmp_path):
    return tmp_path / request.param


def test_frames_come_back_as_they_were(path):
    write(path, 12.5)
    frames, rate = read(path)
    assert len(frames) == len(COLORS)
    assert rate == 12.5
    for frame, color in zip(frames, COLORS, strict=True):
        assert frame.shape == (HEIGHT, WIDTH, 3)
        np.testing.assert_allclose(frame[12:, 20:].mean(axis=(0, 1)), color, atol=8)
        np.testing.assert_allclose(frame[:6, :12].mean(axis=(0, 1)), 0, atol=8)
    assert os.listdir(path.parent) == [path.name]


def test_gifs_repeat_for_ever(tmp_path):
    write(tmp_path / "film.gif")
    with Image.open(tmp_path / "film.gif") as image:
        assert image.info["loop"] == 0


def test_any_player_can_show_the_mp4(tmp_path):
    write(tmp_path / "film.mp4")
    with av.open(str(tmp_path / "film.mp4")) as container:
        context = container.streams.video[0].codec_context
        assert (context.name, context.pix_fmt) == ("h264", "yuv420p")


@pytest.mark.parametrize("error", [KeyboardInterrupt(), UserError("no"), ValueError("no")])
def test_an_error_leaves_what_was_there_alone(tmp_path, error):
    for name in ("film.mp4", "film.gif"):
        (tmp_path / name).write_text("old")
        with pytest.raises(type(error)):
            write(tmp_path / name, error=error)
        assert (tmp_path / name).read_text() == "old"
    assert sorted(os.listdir(tmp_path)) == ["film.gif", "film.mp4"]


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs /dev/full")
@pytest.mark.parametrize("name", ["film.mp4", "film.gif"])
def test_a_full_device_is_an_error(tmp_path, name):
    (tmp_path / f"{name}.tmp").symlink_to("/dev/full")
    with pytest.raises(UserError, match=rf"{name}.*No space left"):
        write(tmp_path / name)
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("name", ["film.avi", "film", "film.", "mp4"])
def test_other_suffixes_are_refused_before_anything_is_made(tmp_path, name):
    with (
        pytest.raises(UserError, match=r"suffix must be one of \.mp4, \.gif"),
        video_file(tmp_path / "new" / name, 10),
    ):
        pass
    assert os.listdir(tmp_path) == []


def test_without_the_extra_there_are_gifs(tmp_path, monkeypatch):
    monkeypatch.setattr(video_files, "av", None)
    with pytest.raises(UserError, match=r"pip install 'mamlrl\[video\]'"), video_file(tmp_path / "new/a.mp4", 10):
        pass
    assert os.listdir(tmp_path) == []
    write(tmp_path / "a.gif")
    assert len(read(tmp_path / "a.gif")[0]) == len(COLORS)


def test_frames_too_wide_for_the_format_are_an_error(tmp_path):
    with (
        pytest.raises(UserError, match=r"a\.mp4.*at most 16384 pixels"),
        video_file(tmp_path / "a.mp4", 10) as add,
    ):
        add(np.zeros((2, 16386, 3), np.uint8))
    assert os.listdir(tmp_path) == []
