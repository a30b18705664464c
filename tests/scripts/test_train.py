"""Where a run goes if nobody says, and what is said where there is none."""

import re
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
from programs import ONE, run

from mamlrl.runs.saved import latest_checkpoint


@pytest.fixture(autouse=True)
def _inside(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize(
    ("options", "folder"),
    [
        ([], "runs/navigation2d/seed0"),
        (["--seed=4"], "runs/navigation2d/seed4"),
        (["--config=promp"], "runs/navigation2d_promp/seed0"),
        (["--config=mine/part.yaml"], "runs/navigation2d_part/seed7"),
        (["--output=elsewhere"], "elsewhere"),
    ],
)
def test_a_run_goes_where_its_configs_say(options, folder):
    Path("mine").mkdir()
    Path("mine/part.yaml").write_text("seed: 7\n")
    assert run("train", *ONE, *options) == 0
    assert [path.parent.parent for path in Path().rglob("latest.pt")] == [Path(folder)]


def test_the_same_command_again_is_refused_and_resumes_if_told_to(capsys):
    assert run("train", *ONE) == 0
    before = latest_checkpoint("runs/navigation2d/seed0").read_bytes()
    capsys.readouterr()
    assert run("train", *ONE) == 2
    assert "runs/navigation2d/seed0 holds a run already; continue it with --resume" in capsys.readouterr().err
    assert latest_checkpoint("runs/navigation2d/seed0").read_bytes() == before
    assert run("train", *ONE, "--resume") == 0


@pytest.mark.parametrize("options", [[], ["--seed=3"], ["--kind=supervised"]])
def test_without_a_config_a_run_needs_a_folder(options, capsys):
    assert run("train", *options) == 2
    assert re.fullmatch(r"mamlrl: output: name the run's folder[^\n]*\n", capsys.readouterr().err)


def test_an_option_that_was_mistyped_is_named_first(capsys):
    assert run("train", "--outptu=x") == 2
    assert capsys.readouterr().err == "mamlrl: unrecognized arguments: --outptu=x; did you mean output?\n"


@pytest.mark.parametrize(
    ("options", "folder"), [(["--output=none"], "none"), (["--config=navigation2d"], "runs/navigation2d/seed0")]
)
def test_where_there_is_no_run_that_is_said(options, folder, capsys):
    assert run("train", *options, "--resume") == 2
    assert capsys.readouterr().err == (
        f"mamlrl: no run to resume at {folder}, where there is no checkpoint at {latest_checkpoint(folder)}; "
        "begin one without --resume, or name its folder with --output\n"
    )
    assert list(Path().iterdir()) == []


def test_the_summaries_are_said_and_the_picture_is_drawn(capsys):
    assert run("train", *ONE) == 0
    error = capsys.readouterr().err
    assert "results          runs/navigation2d/seed0\n" in error
    assert error.endswith("mamlrl evaluate runs/navigation2d/seed0\n")
    (events,) = Path("runs/navigation2d/seed0/tensorboard").iterdir()
    assert b"learning_curve" in events.read_bytes()


def test_a_run_is_logged_to_weights_and_biases(monkeypatch):
    begun = []
    package = SimpleNamespace(
        init=lambda **settings: begun.append(settings) or package, id="1", log=lambda *_, **__: None, finish=list
    )
    monkeypatch.setitem(sys.modules, "wandb", package)
    assert run("train", *ONE, "--wandb=mine") == 0
    assert [each["project"] for each in begun] == ["mine"]


def test_without_the_package_nothing_begins(monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "wandb", None)
    assert run("train", *ONE, "--wandb=mine") == 2
    assert "Weights & Biases is not installed; pip install 'mamlrl[wandb]'" in capsys.readouterr().err
    assert not list(Path().iterdir())
