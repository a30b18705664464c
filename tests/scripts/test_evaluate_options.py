"""`mamlrl evaluate` in named tasks, deterministic, over numbers of shots, and when it fails half-way."""

import json

import numpy as np
import pytest
from programs import TINY, run
from sinusoids import TINY_SINUSOID

from mamlrl.errors import LearningError
from mamlrl.runs.saved import SavedRun

GOALS = [[0.3, -0.2], [-0.1, 0.4]]
NAMED = ["--task", "0.3", "-0.2", "--task", "-0.1", "0.4"]


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """Two runs that differ in their seed, and one of another kind."""
    folder = tmp_path_factory.mktemp("trained")
    for seed in (0, 1):
        assert run("train", *TINY, "--iterations=1", f"--seed={seed}", "--output", folder / f"run{seed}") == 0
    assert run("train", *TINY_SINUSOID, "--output", folder / "sinusoid") == 0
    return folder


def evaluated(path, *arguments):
    """What the JSON holds."""
    assert run("evaluate", *arguments, "--json", path) == 0
    return json.loads(path.read_text())


def test_tasks_may_be_named_on_the_command_line_or_in_a_file(trained, tmp_path):
    (expected,) = evaluated(tmp_path / "e.json", trained / "run0", *NAMED)
    assert expected["tasks"] == GOALS
    assert [len(row["returns"]) for row in expected["steps"]] == [2, 2, 2]
    np.save(tmp_path / "goals.npy", GOALS)
    (tmp_path / "goals.csv").write_text("0.3,-0.2\n-0.1,0.4\n")
    (tmp_path / "goals.yaml").write_text(json.dumps(GOALS))
    for option in ("--tasks-file", "--tasks_file"):
        for suffix in ("npy", "csv", "yaml"):
            path = tmp_path / f"goals.{suffix}"
            assert evaluated(tmp_path / "e.json", trained / "run0", option, path) == [expected]


def test_numbers_may_be_written_with_an_exponent(trained, tmp_path):
    (record,) = evaluated(
        tmp_path / "e.json", trained / "run0", "--task", "-1e-2", "-3.5E-1", "--evaluation.seed", "1"
    )
    assert record["tasks"] == [[-0.01, -0.35]]


def test_several_checkpoints_are_evaluated_in_the_same_named_tasks(trained, tmp_path, capsys):
    records = evaluated(tmp_path / "e.json", trained / "run0", trained / "run1", *NAMED)
    assert [record["tasks"] for record in records] == [GOALS, GOALS]
    assert "all 2 checkpoints" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ["--task", "0.3"],
            "task 0, [0.3], does not fit; a task of mamlrl/Navigation2D-v0 is 2 numbers from -0.5 to",
        ),
        ([*NAMED, "--task", "0.3", "0.7"], "task 2, [0.3, 0.7], lies outside the task space"),
        (["--task", "nan", "0"], "task 0, [nan, 0.0], lies outside the task space"),
        (["--task", "0.3", "left"], "task: parameters must be numbers, could not convert string to float: 'left'"),
        (["--task"], "--task: expected at least one argument"),
        ([*NAMED, "--tasks-file=goals.csv"], "named by --task or by --tasks_file, not by both"),
        (
            [*NAMED, "--evaluation.tasks=7"],
            "evaluation.tasks: is the number of tasks to draw, but these are named",
        ),
        (["--tasks-file=none.csv", "--evaluation.tasks=7"], "evaluation.tasks: is the number of tasks to draw"),
        (["--tasks-file=goals.txt"], "cannot read tasks from goals.txt: its suffix must be one of"),
        (["--tasks-file=none.csv"], "cannot read tasks from none.csv"),
        (["--shots", "0"], "shots element 1 must be > 0, got 0"),
        (["--shots", "-1"], "shots element 1 must be > 0, got -1"),
        (["--shots", "1", "x"], "shots element 2 must be a whole number, got x"),
        (["--shots", "5", "1", "5"], "shots: a number is given twice in 5 1 5"),
        (["--shots"], "--shots: expected at least one argument"),
    ],
)
def test_bad_options_are_one_line_and_nothing_is_written(trained, tmp_path, arguments, message, capsys):
    assert run("evaluate", trained / "run0", "--json", tmp_path / "e.json", *arguments) == 2
    output, error = capsys.readouterr()
    assert output == ""
    assert message in error
    assert error.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


def test_supervised_tasks_have_no_names(trained, capsys):
    assert run("evaluate", trained / "sinusoid", "--task", "1") == 2
    assert "tasks: supervised tasks cannot be named" in capsys.readouterr().err


def test_a_deterministic_evaluation_says_so(trained, tmp_path, capsys):
    (record,) = evaluated(tmp_path / "e.json", trained / "run0", "--evaluation.deterministic=true")
    assert record["deterministic"] is True
    assert "3 tasks x 2 deterministic episodes" in capsys.readouterr().out
    (random,) = evaluated(tmp_path / "e.json", trained / "run0")
    assert random["tasks"] == record["tasks"]
    assert random["steps"] != record["steps"]


@pytest.mark.parametrize(("run_name", "setting"), [("run0", "adaptation_episodes"), ("sinusoid", "shots")])
def test_every_number_of_shots_is_an_evaluation_of_its_own(trained, tmp_path, run_name, setting, capsys):
    found = evaluated(tmp_path / "e.json", trained / run_name, "--shots", "3", "1")
    output = capsys.readouterr().out
    for record, shots in zip(found, (3, 1), strict=True):
        (alone,) = evaluated(tmp_path / "one.json", trained / run_name, f"--evaluation.{setting}={shots}")
        assert record == alone
        assert record["shots"] == shots
        text = capsys.readouterr().out
        assert text in output
        output = output.replace(text, "")
    assert output == ""


def test_tables_over_checkpoints_are_made_for_each_number_of_shots(trained, tmp_path, capsys):
    runs = [trained / "run0", trained / "run1"]
    records = evaluated(tmp_path / "e.json", *runs, "--shots", "1", "2", *NAMED)
    assert [(record["seed"], record["shots"]) for record in records] == [(0, 1), (1, 1), (0, 2), (1, 2)]
    assert capsys.readouterr().out.count("all 2 checkpoints") == 2
    assert run("plot", "shots", tmp_path / "e.json", "--output", tmp_path / "shots.png") == 0
    assert (tmp_path / "shots.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize("error", [LearningError("it diverged"), KeyboardInterrupt()], ids=["error", "interrupt"])
def test_what_was_evaluated_before_a_failure_is_written(trained, tmp_path, monkeypatch, error, capsys):
    (expected,) = evaluated(tmp_path / "e.json", trained / "run0")
    evaluate = SavedRun.evaluate

    def fail_in_the_second(saved, experiment, tasks=None):
        if "run1" in str(saved.path):
            raise error
        return evaluate(saved, experiment, tasks)

    monkeypatch.setattr(SavedRun, "evaluate", fail_in_the_second)
    capsys.readouterr()
    path = tmp_path / "partial.json"
    status = run("evaluate", trained / "run0", trained / "run1", "--json", path)
    assert json.loads(path.read_text()) == [expected]
    message = capsys.readouterr().err
    if isinstance(error, LearningError):
        assert status == 2
        assert message == f"mamlrl: it diverged; {path} holds the first 1 of 2 evaluations\n"
    else:
        assert status == 130


def test_where_the_first_evaluation_fails_nothing_is_written(trained, tmp_path, monkeypatch, capsys):
    def fail(*arguments):
        raise LearningError("it diverged")

    monkeypatch.setattr(SavedRun, "evaluate", fail)
    assert run("evaluate", trained / "run0", trained / "run1", "--json", tmp_path / "e.json") == 2
    assert capsys.readouterr().err == "mamlrl: it diverged\n"
    assert list(tmp_path.iterdir()) == []
