import os

import pytest
from matplotlib.figure import Figure

from mamlrl.errors import UserError
from mamlrl.figures.image_file import write_figure


def some_figure(inches=1):
    figure = Figure(figsize=(inches, 1))
    figure.subplots().plot([1, 2, 3])
    return figure


@pytest.mark.parametrize("name", ["a.png", "a.PNG", "new/folder/a.png"])
def test_the_file_is_what_matplotlib_writes(tmp_path, name):
    write_figure(some_figure(), tmp_path / name)
    some_figure().savefig(tmp_path / "expected.png", dpi=150)
    assert (tmp_path / name).read_bytes() == (tmp_path / "expected.png").read_bytes()


@pytest.mark.parametrize("name", ["a.xyz", "a", "new/a."])
def test_an_unknown_suffix_is_refused_before_anything_is_made(tmp_path, name):
    with pytest.raises(UserError, match=r"suffix must be one of .*pdf, .*png"):
        write_figure(some_figure(), tmp_path / name)
    assert os.listdir(tmp_path) == []


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs /dev/full")
def test_a_full_disk_leaves_an_earlier_figure_alone(tmp_path):
    path = tmp_path / "a.png"
    path.write_bytes(b"earlier")
    (tmp_path / "a.png.tmp").symlink_to("/dev/full")
    with pytest.raises(UserError, match=r"cannot write .*a\.png: .*No space left"):
        write_figure(some_figure(), path)
    assert path.read_bytes() == b"earlier"
    assert os.listdir(tmp_path) == ["a.png"]


def test_a_figure_of_too_many_pixels_leaves_nothing(tmp_path):
    with pytest.raises(UserError, match=r"cannot write .*a\.png: .*too large"):
        write_figure(some_figure(inches=10**6), tmp_path / "a.png")
    assert os.listdir(tmp_path) == []


def test_while_a_figure_is_drawn_there_is_no_file(tmp_path, monkeypatch):
    figure, seen = some_figure(), []
    monkeypatch.setattr(figure, "savefig", lambda *arguments, **options: seen.extend(os.listdir(tmp_path)))
    write_figure(figure, tmp_path / "a.png")
    assert seen == []
    assert os.listdir(tmp_path) == ["a.png"]
