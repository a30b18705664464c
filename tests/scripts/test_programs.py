import re
import sys

import pytest
from PIL import Image
from programs import TINY, run

from mamlrl import __version__
from mamlrl.runs.saved import best_checkpoint
from mamlrl.scripts import main
from mamlrl.scripts.main import PROGRAMS


def test_the_command_lists_its_programs(capsys, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["mamlrl", "--help"])
    assert main.main() == 0
    text = capsys.readouterr().out
    assert all(program.replace("_", "-") in text for program in PROGRAMS)
    monkeypatch.setattr(sys, "argv", ["mamlrl", "--version"])
    assert main.main() == 0
    assert capsys.readouterr().out.strip() == __version__


@pytest.mark.parametrize("arguments", [[], ["trian"]])
def test_an_unknown_program_is_refused(arguments, capsys, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["mamlrl", *arguments])
    assert main.main() == 2
    assert re.search("train, evaluate, neighbours, plot, video, benchmark", capsys.readouterr().err)


def test_from_training_to_figures(tmp_path, capsys):
    folder, record = tmp_path / "run", tmp_path / "evaluation.json"
    assert run("train", *TINY, "--iterations=2", "--output", folder) == 0
    assert run("evaluate", folder, "--json", record) == 0
    assert "step 2:" in capsys.readouterr().out
    for figure, source in [("curves", folder), ("adaptation", record), ("paths", folder)]:
        assert run("plot", figure, source, "--output", tmp_path / f"{figure}.png") == 0
        assert (tmp_path / f"{figure}.png").read_bytes().startswith(b"\x89PNG")


def test_from_training_to_films(tmp_path, capsys):
    folder, path = tmp_path / "run", tmp_path / "film"
    assert run("train", *TINY, "--iterations=1", "--output", folder) == 0
    capsys.readouterr()
    options = ["--tasks", "0", "2", "--size=64", "--speed=2", "--max_fps=20", "--episode_seed=5"]
    assert run("video", folder, "--output", path.with_suffix(".mp4"), *options) == 0
    assert run("video", best_checkpoint(folder), "--output", path.with_suffix(".gif"), *options) == 0
    assert capsys.readouterr().out.split() == [str(path.with_suffix(".mp4")), str(path.with_suffix(".gif"))]
    with Image.open(path.with_suffix(".gif")) as film:
        assert film.size[0] >= 3 * 64
        assert film.size[1] >= 2 * 64
        assert film.info["duration"] == 50
    assert path.with_suffix(".mp4").read_bytes()[4:8] == b"ftyp"
