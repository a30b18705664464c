"""Supervised meta-learning against plain autograd."""

import numpy as np
import pytest
import torch
from sinusoids import IMAML, tiny

from mamlrl import evaluate, make_learner
from mamlrl.benchmarks.supervised import LoopOverTasks
from mamlrl.errors import UserError
from mamlrl.experiments.command_line import load_config
from mamlrl.metric_names import headline


@pytest.mark.parametrize("steps", [1, 3])
def test_meta_iterations_are_those_of_plain_autograd_in_a_loop_over_tasks(steps):
    learner = make_learner(tiny(f"--adaptation.steps={steps}", "--adaptation.step_size=0.05"))
    loop, twin = LoopOverTasks(learner), make_learner(learner.config)
    for iteration in range(5):
        twin.randomness.begin(iteration)
        loop.step(twin.sample())
        learner.step()
    expected = torch.cat([tensor.detach().flatten() for tensor in loop.params])
    torch.testing.assert_close(learner.params, expected, rtol=1e-5, atol=1e-6)
    assert not torch.allclose(learner.params, twin.params, atol=1e-3)


def test_reports_are_of_the_same_tasks_and_leave_the_run_alone():
    learner, silent = make_learner(tiny()), make_learner(tiny())
    first, again = learner.report(), learner.report()
    assert (first.metrics, first.score) == (again.metrics, again.score)
    learner.iterate()
    silent.step()
    assert torch.equal(learner.params, silent.params)
    report = learner.report()
    metrics = report.metrics
    assert {"mse/step_0", "mse/step_1", "loss/step_0", "loss/step_1", "gradient_norm/inner_1"} <= metrics.keys()
    assert {"gradient_norm/meta", "seconds/sampling", "seconds/step"} <= metrics.keys()
    assert headline(metrics) == "mse"
    assert report.score == -metrics["loss/step_1"]
    assert torch.equal(report.state["params"], learner.params)
    assert report.state["iteration"] == 1
    assert metrics["mse/step_1"] != first.metrics["mse/step_1"]


@pytest.mark.parametrize(
    "options",
    [
        ["--adaptation.estimator=first_order"],
        ["--adaptation.learned_step_size=per_parameter"],
        IMAML,
        ["--adaptation.adapted=context", "--network.context_size=2", "--adaptation.step_size=1", "--seed=2"],
        ["--adaptation.step_size=0"],
    ],
)
def test_every_inner_loop_lowers_the_loss(options):
    learner = make_learner(tiny("--adam.learning_rate=0.03", "--meta_batch_size=25", *options))
    before = learner.report()
    for _ in range(40):
        learner.step()
    after = learner.report()
    assert after.score > before.score + 0.3
    assert all(np.isfinite(list(after.metrics.values())))


def test_a_missing_compiler_is_named(monkeypatch):
    monkeypatch.setenv("CXX", "no-such-compiler")
    with pytest.raises(UserError, match=r"compile: .*no-such-compiler.*set compile to false"):
        make_learner(tiny("--compile=true"))


def test_a_compiled_run_takes_the_same_steps():
    compiled, eager = (make_learner(tiny(f"--compile={value}")) for value in ("true", "false"))
    for _ in range(5):
        compiled.step()
        eager.step()
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
