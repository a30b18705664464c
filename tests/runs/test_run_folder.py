"""A new run takes a folder that holds nothing of its names; a run that is there already is never written over."""

import os
from pathlib import Path

import pytest
import yaml
from programs import TINY, run

from mamlrl.errors import UserError
from mamlrl.experiments.command_line import load_config
from mamlrl.runs import training
from mamlrl.runs.checkpoints import load_checkpoint
from mamlrl.runs.saved import latest_checkpoint
from mamlrl.runs.training import train

FOREIGN = [
    "config.yaml",
    "metrics.csv",
    "tensorboard",
    "tensorboard/events.out.tfevents.1.other",
    "checkpoints",
    "checkpoints/best.pt",
    "checkpoints/iteration_5.pt",
    "checkpoints/notes.txt",
    "config.yaml.tmp",
    "metrics.csv.tmp",
    ".lock",
]


@pytest.fixture
def config():
    return load_config("navigation2d", [*TINY[1:], "--iterations=1"])


def contents(folder):
    return {path: path.read_bytes() if path.is_file() else None for path in folder.rglob("*")}


@pytest.mark.parametrize("name", FOREIGN)
def test_files_in_the_way_are_named_and_stay(tmp_path, config, name):
    path = tmp_path / name
    path.parent.mkdir(exist_ok=True)
    path.write_text("# mine\n")
    before = contents(tmp_path)
    with pytest.raises(UserError, match="is in the way of a new run") as raised:
        train(config, tmp_path)
    assert str(raised.value).startswith(str(tmp_path / name.split("/")[0]))
    assert contents(tmp_path) == before


def test_a_link_to_nowhere_is_in_the_way_too(tmp_path, config):
    (tmp_path / "metrics.csv").symlink_to(tmp_path / "nowhere")
    with pytest.raises(UserError, match=r"metrics\.csv is in the way"):
        train(config, tmp_path)
    assert os.listdir(tmp_path) == ["metrics.csv"]


def test_what_an_early_death_leaves_is_not_in_the_way(tmp_path, config):
    (tmp_path / ".lock").touch()
    latest_checkpoint(tmp_path).parent.mkdir()
    latest_checkpoint(tmp_path).with_name("latest.pt.tmp").write_bytes(b"the first half")
    assert train(config, tmp_path) == 0


@pytest.mark.parametrize("last", ["metrics", "events", "config"])
def test_death_after_the_first_checkpoint_leaves_a_run_to_resume(tmp_path, config, monkeypatch, last):
    class Death(BaseException):
        """The process dies here."""

    def die(*arguments):
        raise Death

    names = {"metrics": "MetricsWriter", "config": "write_config"}
    with monkeypatch.context() as patch:
        if last == "events":
            patch.setattr("mamlrl.runs.metrics_file.new_event_file", die)
        else:
            patch.setattr(training, names[last], die)
        with pytest.raises(Death):
            train(config, tmp_path)
    assert train(config, tmp_path, resume=True) == 0
    assert load_checkpoint(latest_checkpoint(tmp_path))[1]["iteration"] == 1


def test_files_of_other_names_may_be_there(tmp_path, config):
    (tmp_path / "log.txt").write_text("mine\n")
    assert train(config, tmp_path) == 0
    assert (tmp_path / "log.txt").read_text() == "mine\n"


def test_a_slow_starter_does_not_write_over_a_run_that_was_faster(tmp_path, config, monkeypatch):
    make_learner = training.make_learner

    def slowly(slow):
        with monkeypatch.context() as patch:
            patch.setattr(training, "make_learner", make_learner)
            train(config, tmp_path)
        return make_learner(slow)

    monkeypatch.setattr(training, "make_learner", slowly)
    with pytest.raises(UserError, match="holds a run already"):
        train(config, tmp_path)
    assert load_checkpoint(latest_checkpoint(tmp_path))[1]["iteration"] == 1


def test_a_slow_resumer_goes_on_where_a_faster_one_stopped(tmp_path, config, monkeypatch):
    train(config, tmp_path)
    longer = load_config("navigation2d", [*TINY[1:], "--iterations=3"])
    make_learner = training.make_learner

    def slowly(slow):
        with monkeypatch.context() as patch:
            patch.setattr(training, "make_learner", make_learner)
            train(longer, tmp_path, resume=True)
        return make_learner(slow)

    monkeypatch.setattr(training, "make_learner", slowly)
    assert train(longer, tmp_path, resume=True) == 0
    rows = (tmp_path / "metrics.csv").read_text().splitlines()
    assert [line.split(",")[0] for line in rows] == ["iteration", "1", "2", "3"]


def test_resuming_removes_no_events_but_its_own(tmp_path, config):
    train(config, tmp_path)
    ours = list((tmp_path / "tensorboard").iterdir())
    (tmp_path / "tensorboard" / "events.out.tfevents.1.other").write_text("mine")
    ours[0].rename(ours[0].with_name("events.out.tfevents.1.mamlrl"))
    assert train(config, tmp_path, resume=True) == 0
    names = sorted(path.name for path in (tmp_path / "tensorboard").iterdir())
    assert len(names) == 2
    assert "events.out.tfevents.1.other" in names
    assert "events.out.tfevents.1.mamlrl" not in names


def test_comments_in_the_config_of_a_run_outlive_resuming(tmp_path, config):
    train(config, tmp_path)
    path = tmp_path / "config.yaml"
    path.write_text(f"# a remark\n{path.read_text()}")
    before = path.read_text()
    train(config, tmp_path, resume=True)
    assert path.read_text() == before
    train(load_config("navigation2d", [*TINY[1:], "--iterations=2"]), tmp_path, resume=True)
    assert yaml.safe_load(path.read_text())["iterations"] == 2


def test_an_output_without_a_name_is_refused(tmp_path, config, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    for resume in (False, True):
        with pytest.raises(UserError, match="output"):
            train(config, "", resume=resume)
    assert run("train", *TINY, "--output=") == 2
    assert run("train", "--output=", "--resume") == 2
    assert capsys.readouterr().err.count("mamlrl: output: the folder of a run must have a name, got ''\n") == 2
    assert list(Path().iterdir()) == []


def test_nothing_is_made_where_the_experiment_cannot_be_run(tmp_path, config, monkeypatch):
    def fail(config):
        raise UserError("cannot be run")

    monkeypatch.setattr(training, "make_learner", fail)
    with pytest.raises(UserError, match="cannot be run"):
        train(config, tmp_path / "run")
    assert list(tmp_path.iterdir()) == []
