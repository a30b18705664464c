"""The estimator and the learner in docs/extending.md work as they stand there, with no edit in the package."""

import re
import sys
from importlib import import_module
from pathlib import Path

import pytest
import torch
from problems import make_batch, make_params, make_policy, relative_error
from programs import TINY, deterministic_rows, run

from mamlrl.adaptation.build import ESTIMATORS
from mamlrl.adaptation.estimator import Estimator
from mamlrl.evaluation.build import EVALUATIONS
from mamlrl.experiments.build import KINDS
from mamlrl.learners.build import LEARNERS
from mamlrl.losses.policy_losses import Surrogate
from mamlrl.losses.task_losses import TaskLosses
from mamlrl.outer.objective import MetaObjective

TEXT = (Path(__file__).parents[2] / "docs" / "extending.md").read_text()
EXAMPLES = dict(re.findall(r"say `(\w+)\.py`:\n\n```python\n(.*?)```", TEXT, flags=re.DOTALL))


@pytest.fixture(autouse=True)
def modules(tmp_path, monkeypatch):
    """The examples as modules on the path; what they register is forgotten after the test."""
    for registry in (ESTIMATORS, EVALUATIONS, KINDS, LEARNERS):
        monkeypatch.setattr(registry, "_entries", dict(registry))
    for name, code in EXAMPLES.items():
        (tmp_path / f"{name}.py").write_text(code)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.chdir(tmp_path)
    yield
    for name in EXAMPLES:
        sys.modules.pop(name, None)


def command(program, words):
    """The options that follow a program in the text, without its output."""
    found = next(line for line in re.findall(rf"^    mamlrl {program} (.*)", TEXT, re.MULTILINE) if words in line)
    return re.sub(r"--output \S+", "", found).split()


def test_an_estimator_of_one_s_own_trains():
    options = command("train", "my_rules:decayed")
    assert "my_rules:decayed" in options
    assert run("train", *options, *TINY, "--iterations=1", "--output=run") == 0
    assert run("evaluate", "run") == 0


def test_its_meta_gradient_is_that_of_finite_differences():
    import_module("my_rules")
    policy = make_policy()
    theta = make_params(policy)
    rule = ESTIMATORS["decayed"](type("Settings", (), {"step_size": 0.3}), policy)
    estimator = Estimator(rule, policy.num_parameters, (1.0, 0.5))
    loss = Surrogate(policy.distribution)
    inner = TaskLosses(policy, loss, make_batch(policy, theta, seed=1))
    outer = TaskLosses(policy, loss, make_batch(policy, theta, seed=2))

    def objective(at):
        return MetaObjective(estimator, estimator.adapt(at, 3, lambda step, phi: inner), outer)

    assert rule.exact
    direction = torch.randn(theta.shape, generator=torch.Generator().manual_seed(3), dtype=torch.float64)
    here, step = objective(theta), 1e-5
    forwards, backwards = (here.evaluate(theta + sign * step * direction)[0] for sign in (1, -1))
    slope = here.gradient() @ direction
    assert relative_error(slope, torch.tensor((forwards - backwards) / (2 * step), dtype=torch.float64)) < 1e-6


def test_a_learner_of_one_s_own_trains_resumes_and_is_evaluated_and_plotted():
    options = [*command("train", "my_learners:hill_climbing"), *TINY[1:]]
    assert run("train", *options, "--iterations=4", "--output=whole") == 0
    assert run("train", *options, "--iterations=2", "--output=parts") == 0
    assert run("train", "--resume", "--iterations=4", "--output=parts") == 0
    rows = deterministic_rows(Path("whole"))
    assert rows == deterministic_rows(Path("parts"))
    assert len(rows) == 4
    assert run("evaluate", "whole", "--json=evaluation.json") == 0
    assert run("plot", "curves", "whole", "--output=curves.png") == 0


def test_what_it_has_not_is_said(capsys):
    options = [*command("train", "my_learners:hill_climbing"), *TINY[1:]]
    assert run("train", *options, "--iterations=1", "--output=run") == 0
    capsys.readouterr()
    assert run("video", "run", "--output=film.gif") == 2
    assert "kind must be one of policy, got my_learners:hill_climbing" in capsys.readouterr().err
