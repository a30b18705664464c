"""Weights & Biases: what is said to the package, and, slowly, what the real one writes without a network."""

import json
import sys

import pytest
from programs import TINY

from mamlrl.errors import LearningError, UserError
from mamlrl.experiments.command_line import load_config
from mamlrl.experiments.plain import plain_experiment
from mamlrl.learners.policy import MetaLearner
from mamlrl.runs.metrics_file import read_metrics
from mamlrl.runs.training import train
from mamlrl.runs.wandb_callback import WandbCallback

BLOCK, FULL, LAST = 32768, 1, 4  # of LevelDB's format


def config(*overrides):
    return load_config("navigation2d", [*TINY[1:], *overrides])


def chunks(content):
    """The records of a log in LevelDB's format, which W&B's files have after a header of 7 bytes."""
    place, parts = 7, []
    while place + 7 <= len(content):
        left = BLOCK - place % BLOCK
        if left < 7:
            place += left
            continue
        length, kind = int.from_bytes(content[place + 4 : place + 6], "little"), content[place + 6]
        parts.append(content[place + 7 : place + 7 + length])
        place += 7 + length
        if kind in (FULL, LAST):
            yield b"".join(parts)
            parts = []


def records(folder, wanted):
    """What W&B wrote of a kind, such as the config, rows of history, and the exit, the oldest first."""
    pb = pytest.importorskip("wandb.proto.wandb_internal_pb2")
    for path in sorted(folder.glob("wandb/offline-run-*/*.wandb"), key=lambda path: path.stat().st_mtime_ns):
        for chunk in chunks(path.read_bytes()):
            record = pb.Record.FromString(chunk)
            if record.WhichOneof("record_type") == wanted:
                yield getattr(record, wanted)


def history(folder):
    """The rows that were logged, numbers by name."""
    for row in records(folder, "history"):
        yield {item.key or "/".join(item.nested_key): json.loads(item.value_json) for item in row.item}


@pytest.fixture
def offline(monkeypatch):
    monkeypatch.setenv("WANDB_MODE", "offline")
    monkeypatch.setenv("WANDB_SILENT", "true")
    pytest.importorskip("wandb")


class Package:
    """Takes the place of the package and keeps what it is told."""

    def __init__(self):
        self.begun, self.rows, self.codes, self.id = [], [], [], "id-of-run"

    def init(self, **settings):
        self.begun.append(settings)
        return self

    def log(self, metrics, step):
        self.rows.append((step, metrics))

    def finish(self, exit_code=0):
        self.codes.append(exit_code)


@pytest.fixture
def package(monkeypatch):
    package = Package()
    monkeypatch.setitem(sys.modules, "wandb", package)
    return package


def test_the_package_is_told_of_settings_rows_and_the_end(tmp_path, package):
    settings = config("--iterations=2")
    train(settings, tmp_path, callbacks=[WandbCallback(project="mine")])
    (begun,) = package.begun
    assert begun["config"] == plain_experiment(settings)
    assert [begun[name] for name in ("project", "name", "dir")] == ["mine", tmp_path.name, str(tmp_path)]
    assert (begun["id"], begun["resume"]) == (None, None)
    assert package.codes == [0]
    expected = read_metrics(tmp_path / "metrics.csv")
    assert [step for step, _ in package.rows] == [1, 2]
    for (_, row), metrics in zip(package.rows, expected, strict=True):
        assert row == {name: value for name, value in metrics.items() if name != "wall_time"}


def test_a_resumed_run_is_resumed_there_and_one_that_fails_has_failed(tmp_path, package, monkeypatch):
    train(config("--iterations=1"), tmp_path, callbacks=[WandbCallback()])
    package.id = "another"

    def diverge(self):
        raise LearningError("the loss is not finite")

    monkeypatch.setattr(MetaLearner, "step", diverge)
    with pytest.raises(LearningError, match="the loss is not finite"):
        train(config("--iterations=2"), tmp_path, resume=True, callbacks=[WandbCallback()])
    assert [(begun["id"], begun["resume"]) for begun in package.begun] == [(None, None), ("id-of-run", "allow")]
    assert package.codes == [0, 1]


@pytest.mark.slow
@pytest.mark.usefixtures("offline")
def test_settings_and_every_row_are_logged_and_a_resumed_run_goes_on_as_the_same(tmp_path):
    settings = config("--iterations=2")
    train(settings, tmp_path, callbacks=[WandbCallback(project="mine", group="some")])
    train(config("--iterations=3"), tmp_path, resume=True, callbacks=[WandbCallback(project="mine")])
    runs = list(records(tmp_path, "run"))
    assert {run.run_id for run in runs} == {(tmp_path / "wandb_id.txt").read_text().strip()}
    assert (runs[0].project, runs[0].run_group, runs[0].display_name) == ("mine", "some", tmp_path.name)
    logged = {item.key: json.loads(item.value_json) for item in runs[0].config.update}
    assert {name: logged[name] for name in plain_experiment(settings)} == plain_experiment(settings)
    rows, expected = list(history(tmp_path)), read_metrics(tmp_path / "metrics.csv")
    assert len(rows) == len(expected) == 3
    for row, metrics in zip(rows, expected, strict=True):
        assert row["_step"] == metrics["iteration"]
        assert {name: row[name] for name in metrics if name in row} == {
            name: value for name, value in metrics.items() if name != "wall_time"
        }


@pytest.mark.slow
@pytest.mark.usefixtures("offline")
def test_a_run_that_fails_is_a_failed_one(tmp_path, monkeypatch):
    def diverge(self):
        raise LearningError("the loss is not finite")

    monkeypatch.setattr(MetaLearner, "step", diverge)
    with pytest.raises(LearningError, match="the loss is not finite"):
        train(config(), tmp_path, callbacks=[WandbCallback()])
    assert [record.exit_code for record in records(tmp_path, "exit")] == [1]


def test_the_extra_is_named_where_it_is_missing(monkeypatch):
    monkeypatch.setitem(sys.modules, "wandb", None)
    with pytest.raises(UserError, match=r"^Weights & Biases is not installed; pip install 'mamlrl\[wandb\]'$"):
        WandbCallback()
