"""Attacks: nothing is lost, nothing is silent, nothing ends in a traceback. `make test-attacks` runs them."""

import pkgutil
import shutil
from importlib import import_module

import pytest
import torch
from forks import forked
from programs import TINY, deterministic_rows, deterministic_state
from states import is_equal

import mamlrl
import mamlrl.envs
import mamlrl.scripts
from mamlrl.runs.checkpoints import load_checkpoint
from mamlrl.runs.saved import best_checkpoint, latest_checkpoint

COUNT = "attacks"
NOTHING_BEGAN = ("no run to resume", "no checkpoint at")


def pytest_terminal_summary(terminalreporter):
    """Prints how often what was attacked."""
    for reports in terminalreporter.stats.values():
        for report in reports:
            for name, count in getattr(report, "user_properties", ()):
                if name.startswith(COUNT) and report.when == "call":
                    terminalreporter.write_line(f"{count:6d} {name.removeprefix(COUNT)}")


@pytest.fixture(autouse=True, scope="session")
def _imported():
    """Imports everything once, rather than in every fork."""
    for package in (mamlrl, mamlrl.envs, mamlrl.scripts):
        for module in pkgutil.walk_packages(package.__path__[:1], f"{package.__name__}."):
            if "warp" not in module.name:  # which needs an extra
                import_module(module.name)
    import_module("torch.fx.experimental.symbolic_shapes")  # which the first derivative imports, in half a second


@pytest.fixture(autouse=True)
def _inside(tmp_path, monkeypatch):
    """Relative paths lie in the test's folder; one thread, as threads do not survive a fork."""
    monkeypatch.chdir(tmp_path)
    torch.set_num_threads(1)


@pytest.fixture
def counted(record_property):
    """Checks that there were enough attacks and no fault, and keeps the count for the summary."""

    def check(what, count, least, faults):
        record_property(f"{COUNT} {what}", count)
        assert not faults, f"{len(faults)} of {count} {what}:\n" + "\n".join(faults[:40])
        assert count >= least

    return check


@pytest.fixture(scope="session")
def whole(tmp_path_factory):
    """A function of the number of meta-iterations: a run of so many that nobody disturbed."""
    runs = {}

    def make(iterations):
        if iterations not in runs:
            runs[iterations] = tmp_path_factory.mktemp("whole") / "run"
            ended = forked("train", *TINY, f"--iterations={iterations}", "--output", runs[iterations])
            assert ended.status == 0, ended
        return runs[iterations]

    return make


@pytest.fixture
def copy_of(tmp_path):
    """Copies a run to a folder of the test's, in place of an earlier copy."""

    def make(folder, name="run"):
        shutil.rmtree(tmp_path / name, ignore_errors=True)
        shutil.copytree(folder, tmp_path / name)
        return tmp_path / name

    return make


@pytest.fixture
def difference():
    """Says how a run differs from another in what does not depend on the clock; empty if it does not."""

    def compare(folder, expected):
        for checkpoint in (latest_checkpoint, best_checkpoint):
            one, other = (load_checkpoint(checkpoint(each))[0] for each in (folder, expected))
            if one != other or not is_equal(
                *(deterministic_state(checkpoint(each)) for each in (folder, expected))
            ):
                return f"another {checkpoint(folder).name}"
        if deterministic_rows(folder) != deterministic_rows(expected):
            return "other metrics"
        left = [path.name for path in folder.rglob("*.tmp")]
        return f"left {left}" if left else ""

    return compare


@pytest.fixture
def completes(difference):
    """Says what is wrong when a run that something ended is resumed, or begun where nothing had begun."""

    def check(folder, expected, options):
        ended = forked("train", "--output", folder, "--resume")
        if ended.is_refusal and any(words in ended.lines[0] for words in NOTHING_BEGAN):
            ended = forked("train", *options, "--output", folder)
        return difference(folder, expected) if ended.status == 0 else f"cannot go on: {ended}"

    return check
