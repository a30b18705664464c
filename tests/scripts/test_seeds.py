"""Several seeds of one experiment: in processes of their own, stopped and resumed together, never mixed up."""

import json
import re
import signal
import time
from pathlib import Path

import pytest
from programs import ONE, TINY, deterministic_rows, run, start

from mamlrl.runs import processes
from mamlrl.runs.checkpoints import load_checkpoint
from mamlrl.runs.saved import latest_checkpoint

SEEDS = ["--seeds", "3", "5"]


@pytest.fixture(autouse=True)
def _inside(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("OMP_NUM_THREADS", "1")


def table(text):
    return [line for line in text.splitlines() if line.startswith("  step")]


def test_seeds_are_trained_as_if_alone_and_evaluated_together(capfd):
    assert run("train", *TINY, "--iterations=2", *SEEDS, "--workers=2") == 0
    output, error = capfd.readouterr()
    folders = [Path(f"runs/navigation2d/seed{seed}") for seed in (3, 5)]
    for seed, folder in zip((3, 5), folders, strict=True):
        assert f"seed {seed}: complete     2 meta-iterations" in error
        assert run("train", *TINY, "--iterations=2", f"--seed={seed}", f"--output=alone{seed}") == 0
        assert deterministic_rows(folder) == deterministic_rows(Path(f"alone{seed}"))
    assert deterministic_rows(folders[0]) != deterministic_rows(folders[1])
    capfd.readouterr()
    assert run("evaluate", *folders, "--json=evaluation.json") == 0
    assert table(output) == table(capfd.readouterr().out)
    assert len(table(output)) == 3 * 3
    assert Path("evaluation.json").read_text() == Path("runs/navigation2d/evaluation.json").read_text()


def test_stopped_seeds_are_resumed_and_missing_ones_begun(tmp_path):
    options = [*TINY, "--output", tmp_path / "all"]
    process = start("train", *options, "--iterations=100000", *SEEDS, "--workers=2")
    files = [tmp_path / "all" / f"seed{seed}" / "metrics.csv" for seed in (3, 5)]
    limit = time.monotonic() + 60
    while not all(path.exists() and path.read_text().count("\n") > 2 for path in files):
        assert process.poll() is None
        assert time.monotonic() < limit
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    _, error = process.communicate(timeout=60)
    assert process.returncode == 128 + signal.SIGINT
    assert re.search(r"^stopped; continue with: mamlrl train .* --seeds 3 5 --workers 2 --resume$", error, re.M)
    done = [load_checkpoint(latest_checkpoint(path.parent))[1]["iteration"] for path in files]
    assert min(done) >= 2
    iterations = done[0] + 1
    assert run("train", *options, f"--iterations={iterations}", "--seeds", "3", "4", "--resume") == 0
    for seed in (3, 4):
        assert len(deterministic_rows(tmp_path / "all" / f"seed{seed}")) == iterations
    records = json.loads((tmp_path / "all" / "evaluation.json").read_text())
    assert [record["seed"] for record in records] == [3, 4]


def test_a_seed_that_fails_is_named_and_nothing_is_evaluated(capfd):
    assert run("train", *ONE, *SEEDS, "--device=cuda:9", "--output=all") == 2
    output, error = capfd.readouterr()
    assert error.count("device: there is no cuda:9 here") == 2
    assert "mamlrl: seed 3, seed 5 did not get to the end; go on with: mamlrl train" in error
    assert output == ""
    assert not Path("all/evaluation.json").exists()


@pytest.fixture
def refused(capsys, monkeypatch):
    """Runs what must be refused before any process is started; returns the message."""

    def begin(*arguments):
        raise AssertionError("a process was started")

    def check(*arguments):
        monkeypatch.setattr(processes, "_start", begin)
        capsys.readouterr()
        assert run("train", *arguments) == 2
        message = capsys.readouterr().err
        assert re.fullmatch(r"mamlrl: [^\n]*\n", message)
        return message

    return check


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--seeds", "1", "2", "1"], "seeds: 1 2 1 has one of them twice"),
        ([*SEEDS, "--seed=3"], "seed: --seeds says which"),
        ([*SEEDS, "--resume"], "no run to resume at all/seed3, all/seed5; begin them without --resume"),
        ([*SEEDS, "--workers=0"], "workers must be > 0"),
        (["--seeds", "-1"], "seeds element 1 must be >= 0"),
        ([*SEEDS, "--trust_region.max_kl=-1"], "trust_region.max_kl must be"),
    ],
)
def test_what_cannot_be_done_is_refused_before_anything_begins(refused, options, words):
    assert words in refused(*ONE, "--output=all", *options)
    assert not Path("all").exists()


def test_runs_of_other_experiments_are_not_gone_on_with(refused):
    assert run("train", *ONE, "--seed=3", "--output=all/seed3") == 0
    assert "all/seed3 holds a run already; continue it with --resume" in refused(*ONE, "--output=all", *SEEDS)
    resume = ["--output=all", *SEEDS, "--resume"]
    assert "init_from begins a new run" in refused(*ONE, *resume, "--init_from=all/seed3")
    message = refused(*ONE, *resume, "--adaptation.step_size=2")
    assert "adaptation.step_size: the run to resume at all/seed3 has 0.5, not 2.0" in message
    message = refused(*resume)  # the missing one would begin with the defaults
    assert "all/seed5 and all/seed3 would be runs of different experiments" in message
    assert not Path("all/seed5").exists()
