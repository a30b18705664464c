"""What is said when a run begins and when it is complete: true, aligned, on standard error."""

import re

import pytest
import torch
from programs import ONE, TINY

from mamlrl.experiments.command_line import load_config
from mamlrl.runs.summaries import RunSummary
from mamlrl.runs.training import train

SINUSOID = ["--network.hidden_sizes=[4]", "--compile=false", "--save_every=1", "--iterations=1"]


@pytest.fixture
def said(capsys, tmp_path):
    """Trains and returns the lines of the summaries, by their first word, at the start and at the end."""

    def check(name, options, folder=tmp_path / "run", **arguments):
        capsys.readouterr()
        assert train(load_config(name, options), folder, callbacks=[RunSummary()], **arguments) == 0
        output, error = capsys.readouterr()
        assert output == ""
        lines = [line for line in error.splitlines() if re.match(r"[a-z][a-z -]*[a-z]  +\S", line)]
        ends = [index for index, line in enumerate(lines) if line.startswith("complete ")]
        parts = [lines[: ends[0]], lines[ends[0] :]]
        for part in parts:
            assert len({re.match(r"[a-z -]*[a-z]  +", line).end() for line in part}) == 1  # aligned
        return [dict(re.split("  +", line, maxsplit=1) for line in part) for part in parts]

    return check


def test_the_start_says_what_is_trained_and_where_results_go(said, tmp_path):
    start, _ = said("navigation2d", ONE[1:])
    assert start == {
        "environment": "mamlrl/Navigation2D-v0",
        "parameters": str(2 * 8 + 8 + 8 * 2 + 2 + 2),
        "device": f"cpu, {torch.get_num_threads()} thread{'s' if torch.get_num_threads() > 1 else ''}",
        "meta-iteration": "2 tasks x 3 episodes x 10 steps, 2 times",
        "meta-iterations": "0 of 1 done, seed 0",
        "results": str(tmp_path / "run"),
    }


def test_the_end_says_what_came_out_and_what_to_do_next(said, tmp_path):
    folder = tmp_path / "a run"
    _, end = said("navigation2d", [*TINY[1:], "--iterations=2"], folder)
    rows = (folder / "metrics.csv").read_text().splitlines()
    last = dict(zip(rows[0].split(","), rows[-1].split(","), strict=True))
    scores = [f"{float(last[f'return/step_{step}']):.4g}" for step in (0, 1)]
    assert re.fullmatch(r"\d+:\d\d:\d\d", end.pop("this took"))
    assert end == {
        "complete": "2 meta-iterations",
        "last return": f"{scores[0]} after 0 steps, {scores[1]} after 1 step",
        "env steps": f"{int(float(last['env_steps'])):,}",
        "results": str(folder),
        "next": f"mamlrl evaluate '{folder}'",
    }


@pytest.fixture
def own_policies(tmp_path, monkeypatch):
    (tmp_path / "own_policies.py").write_text("")  # which would register policies
    monkeypatch.syspath_prepend(tmp_path)


@pytest.mark.usefixtures("own_policies")
def test_the_next_command_allows_the_modules_that_the_run_names(said, tmp_path):
    _, end = said("navigation2d", [*ONE[1:], "--policy.architecture=own_policies:mlp"])
    assert end["next"] == f"mamlrl evaluate {tmp_path / 'run'} --allow_import own_policies"


def test_a_run_that_is_complete_already_has_no_scores_to_tell(said):
    said("navigation2d", ONE[1:])
    start, end = said("navigation2d", ONE[1:], resume=True)
    assert start["meta-iterations"] == "1 of 1 done, seed 0"
    assert list(end) == ["complete", "results", "next"]


def test_networks_have_a_data_set_rather_than_an_environment(said):
    start, end = said("sinusoid", SINUSOID)
    assert start["data set"] == "sinusoid"
    assert start["meta-iteration"] == "25 tasks x (10 shots + 10 queries)"
    assert end["last mse"].count("after") == 2


def test_nothing_is_said_at_the_end_of_a_run_that_is_not_complete(capsys, tmp_path):
    class Stop(RunSummary):
        """Stops after the first iteration."""

        def on_iteration(self, learner, metrics):
            super().on_iteration(learner, metrics)
            return True

    assert train(load_config("navigation2d", [*TINY[1:], "--iterations=3"]), tmp_path, callbacks=[Stop()]) == 0
    assert "complete" not in capsys.readouterr().err
