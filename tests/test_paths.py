"""Paths of the public functions: text or any `os.PathLike`."""

import os
from pathlib import Path

import pytest
from matplotlib.figure import Figure
from programs import ONE

from mamlrl import load_checkpoint, load_config, train
from mamlrl.experiments.policy import PolicyExperiment
from mamlrl.figures.image_file import write_figure
from mamlrl.figures.video_file import video_file
from mamlrl.files import write_text
from mamlrl.runs.saved import SavedRun, best_checkpoint, latest_checkpoint
from mamlrl.supervised.strokes import write_strokes


class Entry(os.PathLike):
    """A path that is no `pathlib.Path`."""

    def __init__(self, path):
        self.path = path

    def __fspath__(self):
        return str(self.path)


@pytest.mark.parametrize("kind", [str, Path, Entry], ids=["str", "Path", "PathLike"])
def test_paths_may_be_of_any_kind(tmp_path, kind):
    config = load_config("navigation2d", ONE[1:])
    folder = tmp_path / "run"
    assert train(config, kind(folder)) == 0
    assert latest_checkpoint(kind(folder)) == latest_checkpoint(folder)
    assert load_checkpoint(kind(best_checkpoint(folder)))[0] == config
    assert SavedRun.load(kind(folder)).path == latest_checkpoint(folder)
    assert load_config(kind(folder / "config.yaml")) == config
    write_figure(Figure(), kind(tmp_path / "figure.png"))
    write_text(kind(tmp_path / "text"), "text")
    write_strokes(kind(tmp_path / "strokes"), 0, 1, 1, 1)
    with pytest.raises(ValueError, match="stop"), video_file(kind(tmp_path / "video.gif"), 10.0):
        raise ValueError("stop")
    assert {path.name for path in tmp_path.iterdir()} == {"run", "figure.png", "text", "strokes"}
    assert type(config) is PolicyExperiment
