"""A disk that is full costs the running iteration only."""

import errno
import os
import threading
from contextlib import contextmanager
from pathlib import Path

import pytest
import torch
from programs import ONE, TINY, deterministic_rows, run
from tensorboard.summary.writer.record_writer import RecordWriter

from mamlrl.runs.checkpoints import load_checkpoint
from mamlrl.runs.saved import best_checkpoint, latest_checkpoint


@contextmanager
def full_disk(name, times):
    """Lets the named file be written so many times and no more."""
    left = iter([True] * times)

    def check(number):
        if Path(os.readlink(f"/proc/self/fd/{number}")).name == name and not next(left, False):
            raise OSError(errno.ENOSPC, "No space left on device")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fsync", check)
        yield


@pytest.mark.parametrize(
    ("name", "times", "last"), [("latest.pt.tmp", 3, 2), ("best.pt.tmp", 1, None), ("metrics.csv", 2, 2)]
)
def test_a_disk_that_fills_up_costs_the_running_iteration_only(stopped, name, times, last):
    folder = Path("run")
    assert run("train", *TINY, "--iterations=8", "--output=whole") == 0
    with full_disk(name, times):
        stopped(*TINY, "--iterations=8", "--output=run", words=["No space left", name.removesuffix(".tmp")])
    assert list(folder.rglob("*.tmp")) == []
    _, state = load_checkpoint(latest_checkpoint(folder))
    assert state["iteration"] == last or (last is None and state["iteration"] >= 1)
    load_checkpoint(best_checkpoint(folder))
    assert run("train", "--output=run", "--resume") == 0
    assert deterministic_rows(folder) == deterministic_rows(Path("whole"))


def test_a_disk_that_is_full_within_a_checkpoint(good, stopped, monkeypatch):
    def save(content, file):
        file.write(b"the first bytes")
        raise OSError(errno.ENOSPC, "No space left on device")

    before = latest_checkpoint(good).read_bytes()
    monkeypatch.setattr(torch, "save", save)
    stopped("--output=good", "--resume", "--iterations=9", words=["No space left on device", "is kept"])
    assert latest_checkpoint(good).read_bytes() == before
    assert list(good.rglob("*.tmp")) == []


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs /dev/full")
def test_a_device_that_is_really_full(good, stopped):
    latest, before = latest_checkpoint(good), latest_checkpoint(good).read_bytes()
    latest.with_name("latest.pt.tmp").symlink_to("/dev/full")
    stopped("--output=good", "--resume", "--iterations=3", words=["No space left on device", latest.name])
    assert latest.read_bytes() == before
    assert list(good.rglob("*.tmp")) == []
    assert run("train", "--output=good", "--resume", "--iterations=3") == 0


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs /dev/full")
def test_a_device_that_is_full_from_the_start(stopped):
    Path("run/checkpoints").mkdir(parents=True)
    Path("run/checkpoints/latest.pt.tmp").symlink_to("/dev/full")
    stopped(*ONE, "--output=run", words=["No space left on device"])
    assert list(Path("run/checkpoints").iterdir()) == []
    assert run("train", *ONE, "--output=run") == 0


def test_a_full_disk_leaves_the_saved_config_alone(good, stopped):
    before = (good / "config.yaml").read_text()
    with full_disk("config.yaml.tmp", 0):
        stopped("--output=good", "--resume", "--iterations=3", words=["No space left on device"])
    assert (good / "config.yaml").read_text() == before


def test_a_full_disk_for_tensorboard_gives_no_traceback(stopped, monkeypatch):
    def write(self, data):
        raise OSError(errno.ENOSPC, "No space left on device")

    failed_threads = []
    monkeypatch.setattr(threading, "excepthook", failed_threads.append)
    monkeypatch.setattr(RecordWriter, "write", write)
    stopped(*TINY, "--iterations=3", "--output=run", words=["No space left on device"])
    assert failed_threads == []
