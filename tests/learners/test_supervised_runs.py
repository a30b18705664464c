"""Runs of supervised meta-learning: what they write, interruptions, evaluations, and what they refuse."""

import csv
import json
import random
import signal

import pytest
import torch
from programs import deterministic_rows, deterministic_state, run, start
from sinusoids import IMAML, TINY_SINUSOID, tiny

from mamlrl import make_learner
from mamlrl.runs.checkpoints import load_checkpoint
from mamlrl.runs.saved import best_checkpoint, latest_checkpoint
from mamlrl.runs.training import train


def test_a_run_reports_and_saves_every_so_often(tmp_path):
    assert train(tiny("--iterations=10"), tmp_path) == 0
    rows = deterministic_rows(tmp_path)
    assert [row["iteration"] for row in rows] == ["4", "8", "10"]
    losses = [float(row["loss/step_1"]) for row in rows]
    _, best = load_checkpoint(best_checkpoint(tmp_path))
    _, latest = load_checkpoint(latest_checkpoint(tmp_path))
    assert best["iteration"] == int(rows[losses.index(min(losses))]["iteration"])
    assert (latest["iteration"], latest["best_score"]) == (10, -min(losses))
    learner = make_learner(tiny())
    for _ in range(best["iteration"]):
        learner.step()
    assert torch.equal(learner.params, best["params"])


def assert_same_run(folder, whole):
    assert deterministic_rows(folder) == deterministic_rows(whole)
    for checkpoint in (latest_checkpoint, best_checkpoint):
        a, b = (deterministic_state(checkpoint(each)) for each in (folder, whole))
        assert torch.equal(a.pop("params"), b.pop("params"))
        moments, others = a.pop("optimizer"), b.pop("optimizer")
        assert all(torch.equal(moments[name], others[name]) for name in ("step", "exp_avg", "exp_avg_sq"))
        assert a == b


def test_interrupted_between_two_rows_and_resumed_a_run_is_as_if_never_stopped(tmp_path, monkeypatch):
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    options = [*TINY_SINUSOID, "--adaptation.learned_step_size=per_layer"]
    assert run("train", *options, "--output", whole) == 0
    learner_type = type(make_learner(tiny()))
    step = learner_type.step

    def interrupt_at_six(learner):
        step(learner)
        if learner.iteration == 6:
            signal.raise_signal(signal.SIGTERM)

    with monkeypatch.context() as patched:
        patched.setattr(learner_type, "step", interrupt_at_six)
        assert run("train", *options, "--output", broken) == 128 + signal.SIGTERM
    assert load_checkpoint(latest_checkpoint(broken))[1]["iteration"] == 6
    assert [row["iteration"] for row in deterministic_rows(broken)] == ["4"]
    assert run("train", "--output", broken, "--resume") == 0
    assert_same_run(broken, whole)


def test_killed_and_resumed_a_run_is_as_if_never_stopped(tmp_path):
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    options = [*TINY_SINUSOID, "--iterations=100"]
    assert run("train", *options, "--output", whole) == 0
    process = start("train", *options, "--output", broken)
    target = random.Random(0).randint(2, 8)
    while process.poll() is None and count_rows(broken / "metrics.csv") < target:
        pass
    process.kill()
    process.communicate()
    with open(broken / "metrics.csv", newline="") as file:  # as if killed between a row and its checkpoint
        last = list(csv.reader(file))[-1]
    with open(broken / "metrics.csv", "a", newline="") as file:
        csv.writer(file).writerow([int(last[0]) + 4, *last[1:]])
    assert run("train", "--output", broken, "--resume") == 0
    assert_same_run(broken, whole)


def count_rows(path):
    return path.read_text().count("\n") - 1 if path.exists() else 0


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    folder = tmp_path_factory.mktemp("sinusoid")
    assert run("train", *TINY_SINUSOID, "--output", folder) == 0
    return folder


def test_from_evaluation_to_figures(trained, tmp_path, capsys):
    records = [tmp_path / "k5.json", tmp_path / "k9.json"]
    for path, shots in zip(records, (5, 9), strict=True):
        assert run("evaluate", trained, f"--evaluation.shots={shots}", "--json", path) == 0
        [record] = json.loads(path.read_text())
        expected = {"dataset": "sinusoid", "shots": shots, "queries": 9, "tasks": 6, "metric": "mse", "seed": 0}
        assert expected.items() <= record.items()
        assert [row["step"] for row in record["steps"]] == [0, 1, 2, 3]
        output = capsys.readouterr().out
        assert f"6 tasks x {shots} shots, mean mse" in output
        assert f"step 3: {record['steps'][3]['mean']:9.3f} +- {record['steps'][3]['interval_95']:.3f}" in output
    for figure, sources in [("curves", [trained]), ("adaptation", records), ("fits", [trained])]:
        assert run("plot", figure, *sources, "--output", tmp_path / f"{figure}.png") == 0
        assert (tmp_path / f"{figure}.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--data.dataset=sinus"], ["data.dataset", "sinusoid"]),
        (["--data.shots=0"], ["data.shots", "> 0"]),
        (["--data.queries=-1"], ["data.queries"]),
        (["--save_every=0"], ["save_every"]),
        (["--outer_optimizer=trust_region"], ["outer_optimizer", "trust_region", "adam"]),
        (["--outer_optimizer=promp"], ["outer_optimizer", "promp", "adam"]),
        (["--env.kwargs={horizon: 3}"], ["env.kwargs", "kind policy"]),
        (["--sampling.episodes_per_task=3"], ["sampling.episodes_per_task", "kind policy"]),
        (["--trust_region.max_kl=1"], ["trust_region.max_kl", "kind policy"]),
        (["--adaptation.adapted=context"], ["adaptation.adapted", "network.context_size"]),
        ([*IMAML, "--compile=true"], ["compile", "imaml", "set compile to false"]),
        (["--data.dataset=none"], ["data.dataset", "none", "sinusoid"]),
        (["--kind=policy"], ["kind", "config sinusoid", "supervised", "policy"]),
    ],
)
def test_bad_options(options, words, tmp_path, capsys):
    assert run("train", *TINY_SINUSOID, *options, "--output", tmp_path / "run") == 2
    assert_one_line(capsys, words)
    assert not (tmp_path / "run").exists()


def assert_one_line(capsys, words):
    output, error = capsys.readouterr()
    assert error.count("\n") == 1
    assert all(word in error for word in words), error
    assert output == ""


@pytest.mark.parametrize("option", ["--evaluation.episodes_per_task=3", "--sampling.unit=transitions"])
def test_evaluations_refuse_the_options_of_policies(trained, option, capsys):
    assert run("evaluate", trained, option) == 2
    assert_one_line(capsys, [option.removeprefix("--").split("=")[0], "kind policy"])


def test_paths_of_a_regression_are_refused(trained, tmp_path, capsys):
    assert run("plot", "paths", trained, "--output", tmp_path / "paths.png") == 2
    assert_one_line(capsys, ["paths", "2D navigation"])


def test_a_loss_that_is_not_finite_stops_the_run(tmp_path, capsys):
    assert run("train", *TINY_SINUSOID, "--adaptation.step_size=1e30", "--output", tmp_path) == 2
    error = capsys.readouterr().err.splitlines()[-1]
    assert "iteration 1: " in error
    assert "adaptation.step_size 1e+30" in error


@pytest.mark.slow
def test_an_evaluation_whose_adaptation_diverges_says_so(trained, capsys):
    assert run("evaluate", trained, "--evaluation.first_step_size=1e30") == 2
    error = capsys.readouterr().err
    assert "after 1 adaptation steps, the loss of 6 of 6 tasks is not finite" in error
    assert "evaluation.first_step_size 1e+30" in error
