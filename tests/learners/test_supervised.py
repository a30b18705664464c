"""Supervised meta-learning against plain autograd, and its runs."""

import csv
import json
import random
import signal

import numpy as np
import pytest
import torch
from programs import deterministic_rows, run, start

from mamlrl import evaluate, make_learner
from mamlrl.benchmarks.supervised import LoopOverTasks
from mamlrl.errors import UserError
from mamlrl.experiments.command_line import load_config
from mamlrl.metric_names import headline
from mamlrl.runs.checkpoints import load_checkpoint
from mamlrl.runs.saved import best_checkpoint, latest_checkpoint
from mamlrl.runs.training import train

TINY_SINUSOID = [
    "--config=sinusoid",
    "--compile=false",
    "--policy.hidden_sizes=[8, 6]",
    "--meta_batch_size=4",
    "--data.validation_tasks=5",
    "--evaluation.tasks=6",
    "--evaluation.queries=9",
    "--evaluation.steps=3",
    "--iterations=12",
    "--save_every=4",
]

IMAML = ["--adaptation.estimator=imaml", "--adaptation.proximal.weight=5", "--adaptation.gradient_steps=3"]


def tiny(*overrides):
    return load_config("sinusoid", [*TINY_SINUSOID[1:], *overrides])


@pytest.mark.parametrize("steps", [1, 3])
def test_meta_iterations_are_those_of_plain_autograd_in_a_loop_over_tasks(steps):
    learner = make_learner(tiny(f"--adaptation.steps={steps}", "--adaptation.step_size=0.05"))
    loop, twin = LoopOverTasks(learner), make_learner(learner.config)
    for _ in range(5):
        loop.step(twin.sample())
        learner.step()
    expected = torch.cat([tensor.detach().flatten() for tensor in loop.params])
    torch.testing.assert_close(learner.params, expected, rtol=1e-5, atol=1e-6)
    assert not torch.allclose(learner.params, twin.params, atol=1e-3)


def adapted_by_autograd(network, params, support, query, task, step_sizes):
    """Mean squared errors of a task after 0, 1, ... steps."""
    errors = []
    for step_size in (*step_sizes, 0.0):
        outputs = network(params, query.observations[task])
        errors.append(float((outputs - query.targets[task]).square().mean()))
        here = params.detach().requires_grad_()
        loss = (network(here, support.observations[task]) - support.targets[task]).square().mean()
        (gradient,) = torch.autograd.grad(loss, here)
        params = params - step_size * gradient
    return errors


def test_an_evaluation_is_gradient_descent_on_the_support_judged_on_the_query():
    config = tiny("--evaluation.shots=3", "--adaptation.step_size=0.05", "--evaluation.later_step_factor=0.4")
    params = make_learner(config).params
    evaluation = evaluate(config, params)
    examples = evaluation.examples
    assert examples.support.targets.shape == (6, 3, 1)
    assert examples.query.targets.shape == (6, 9, 1)
    for task in range(6):
        batches = examples.support, examples.query
        expected = adapted_by_autograd(evaluation.network, params, *batches, task, (0.05, 0.02, 0.02))
        np.testing.assert_allclose(evaluation.metrics["mse"][:, task], expected, rtol=1e-4)
    np.testing.assert_allclose(
        evaluation.metrics["loss"], evaluation.metrics["mse"] + np.log(np.pi) / 2, rtol=1e-4, atol=1e-5
    )
    for step, row in enumerate(evaluation.summary()):
        assert row["mean"] == pytest.approx(evaluation.metrics["mse"][step].mean())
        assert row["loss"] == pytest.approx(evaluation.metrics["loss"][step].mean())


def test_sizes_of_an_evaluation_default_to_those_of_training():
    config = tiny("--evaluation.shots=0", "--evaluation.queries=0", "--data.shots=2", "--data.queries=7")
    protocol = evaluate(config, make_learner(config).params).protocol(config)
    assert protocol == {"dataset": "sinusoid", "shots": 2, "queries": 7, "tasks": 6}


def test_reports_are_of_the_same_tasks_and_leave_the_run_alone():
    learner, silent = make_learner(tiny()), make_learner(tiny())
    first, again = learner.report(), learner.report()
    assert first == again
    learner.iterate()
    silent.advance()
    assert torch.equal(learner.params, silent.params)
    metrics = learner.report()
    assert {"mse/step_0", "mse/step_1", "loss/step_0", "loss/step_1", "gradient_norm/inner_1"} <= metrics.keys()
    assert {"gradient_norm/meta", "seconds/sampling", "seconds/step"} <= metrics.keys()
    assert headline(metrics) == "mse"
    assert learner.score(metrics) == -metrics["loss/step_1"]
    assert metrics["mse/step_1"] != first["mse/step_1"]


@pytest.mark.parametrize(
    "options",
    [
        ["--adaptation.estimator=first_order"],
        ["--adaptation.learned_step_size=per_parameter"],
        IMAML,
        ["--adaptation.adapted=context", "--policy.context_size=2", "--adaptation.step_size=1"],
        ["--adaptation.step_size=0"],
    ],
)
def test_every_inner_loop_lowers_the_loss(options):
    learner = make_learner(tiny("--adam.learning_rate=0.03", "--meta_batch_size=25", *options))
    before = learner.report()
    for _ in range(40):
        learner.step()
    after = learner.report()
    assert learner.score(after) > learner.score(before) + 0.3
    assert all(np.isfinite(list(after.values())))


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
        (_, a), (_, b) = (load_checkpoint(checkpoint(each)) for each in (folder, whole))
        for tensors in ((a.pop("params"), b.pop("params")), (a.pop("generator"), b.pop("generator"))):
            assert torch.equal(*tensors)
        moments, others = a.pop("optimizer"), b.pop("optimizer")
        assert all(torch.equal(moments[name], others[name]) for name in ("step", "exp_avg", "exp_avg_sq"))
        assert a == b


def test_interrupted_between_two_rows_and_resumed_a_run_is_as_if_never_stopped(tmp_path, monkeypatch):
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    options = [*TINY_SINUSOID, "--adaptation.learned_step_size=per_layer"]
    assert run("train", *options, "--output", whole) == 0
    learner_type = type(make_learner(tiny()))
    advance = learner_type.advance

    def interrupt_at_six(learner):
        advance(learner)
        if learner.iteration == 6:
            signal.raise_signal(signal.SIGTERM)

    with monkeypatch.context() as patched:
        patched.setattr(learner_type, "advance", interrupt_at_six)
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
        (["--env.kwargs={horizon: 3}"], ["env.kwargs", "sinusoid", "{}"]),
        (["--sampling.episodes_per_task=3"], ["sampling.episodes_per_task", "20"]),
        (["--trust_region.max_kl=1"], ["trust_region.max_kl"]),
        ([*IMAML, "--compile=true"], ["compile", "imaml", "maml, first_order"]),
        (["--data.dataset=none"], ["data.shots", "none"]),
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


def test_a_missing_compiler_is_named(monkeypatch):
    monkeypatch.setenv("CXX", "no-such-compiler")
    with pytest.raises(UserError, match=r"compile: .*no-such-compiler.*set compile to false"):
        make_learner(tiny("--compile=true"))


@pytest.mark.parametrize("option", ["--evaluation.episodes_per_task=3", "--sampling.unit=transitions"])
def test_evaluations_refuse_the_options_of_policies(trained, option, capsys):
    assert run("evaluate", trained, option) == 2
    assert_one_line(capsys, [option.removeprefix("--").split("=")[0], "sinusoid"])


def test_paths_of_a_regression_are_refused(trained, tmp_path, capsys):
    assert run("plot", "paths", trained, "--output", tmp_path / "paths.png") == 2
    assert_one_line(capsys, ["paths", "2D navigation"])


def test_a_loss_that_is_not_finite_stops_the_run(tmp_path, capsys):
    assert run("train", *TINY_SINUSOID, "--adaptation.step_size=1e30", "--output", tmp_path) == 2
    error = capsys.readouterr().err.splitlines()[-1]
    assert "iteration 4" in error
    assert "adaptation.step_size" in error


@pytest.mark.slow
def test_an_evaluation_whose_adaptation_diverges_says_so(trained, capsys):
    assert run("evaluate", trained, "--evaluation.first_step_size=1e30") == 2
    error = capsys.readouterr().err
    assert "after 1 adaptation steps, the loss of 6 of 6 tasks is not finite" in error
    assert "evaluation.first_step_size" in error


def test_a_compiled_run_takes_the_same_steps():
    compiled, eager = (make_learner(tiny(f"--compile={value}")) for value in ("true", "false"))
    for _ in range(5):
        compiled.advance()
        eager.advance()
    torch.testing.assert_close(compiled.params, eager.params, rtol=1e-4, atol=1e-6)


@pytest.mark.slow
def test_few_shot_regression_is_learned():
    config = load_config("sinusoid", ["--iterations=3000", "--compile=false"])
    learner = make_learner(config)
    for _ in range(config.iterations):
        learner.step()
    errors = evaluate(config, learner.params).metrics["mse"].mean(axis=1)
    assert errors[0] > 2  # the best network without adaptation
    assert errors[1] < 1.1
