"""Learning that diverges stops before anything of it is saved, and says what most likely made it diverge."""

import shutil
from pathlib import Path

import pytest
import torch
from programs import TINY, run
from sinusoids import TINY_SINUSOID

from mamlrl.experiments.command_line import load_config
from mamlrl.learners.build import make_learner
from mamlrl.runs.checkpoints import load_checkpoint, save_checkpoint
from mamlrl.runs.metrics_file import read_metrics
from mamlrl.runs.saved import latest_checkpoint

PROMP = [*TINY, "--adaptation.loss=likelihood_ratio", "--outer_optimizer=promp"]
ADAM = [*TINY, "--outer_optimizer=adam"]
CHEETAH = [
    "--config=half_cheetah_velocity",
    "--env.kwargs.horizon=30",
    "--meta_batch_size=2",
    "--sampling.episodes_per_task=3",
    "--outer_optimizer=promp",
]
EVERY_STEP = "--save_every=1"
CASES = {
    "cheetah": ([*CHEETAH, "--adam.learning_rate=10"], "after the outer step", "adam.learning_rate 10 "),
    "promp": ([*PROMP, "--adam.learning_rate=1e4"], "after the outer step", "adam.learning_rate 10000 "),
    "promp overflow": (
        [*PROMP, "--adam.learning_rate=1e30"],
        "meta-gradient of epoch 2",
        "adam.learning_rate 1e+30",
    ),
    "inner step": ([*TINY, "--adaptation.step_size=1e30"], "inner step 1", "adaptation.step_size 1e+30 "),
    "second": (
        [*TINY, "--adaptation.steps=2", "--adaptation.step_size=1e5"],
        "inner step",
        "adaptation.step_size",
    ),
    "std": ([*TINY, "--policy.initial_std=1e30"], "actions", "policy.initial_std 1e+30 "),
    "outer adam": ([*ADAM, "--adam.learning_rate=1e30"], "after the outer step", "adam.learning_rate 1e+30 "),
    "learned sizes": (
        [*ADAM, "--adam.learning_rate=1e30", "--adaptation.learned_step_size=per_layer"],
        "after the outer step",
        "adam.learning_rate 1e+30 ",
    ),
    "supervised step": (
        [*TINY_SINUSOID, "--adaptation.step_size=1e30"],
        "the meta-gradient",
        "adaptation.step_size 1e+30 ",
    ),
    "supervised adam": (
        [*TINY_SINUSOID, "--adam.learning_rate=1e30", EVERY_STEP],
        "the validation tasks",
        "adam.learning_rate 1e+30 ",
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_divergence_stops_a_run_before_it_is_saved(name, stopped):
    options, part, setting = CASES[name]
    stopped(*options, "--output=run", words=["iteration 1: ", part, setting, "checkpoint is kept"])
    _, state = load_checkpoint(latest_checkpoint(Path("run")))
    assert state["iteration"] == 0
    assert state["params"].isfinite().all()
    assert not Path("run/metrics.csv").exists() or read_metrics(Path("run/metrics.csv")) == []
    assert run("evaluate", "run", "--evaluation.tasks=2", "--evaluation.first_step_size=0.01") in (0, 2)


def test_the_checkpoint_before_a_divergence_goes_on_where_settings_allow_it(monkeypatch, stopped):
    learner_type = type(make_learner(load_config("navigation2d", TINY[1:])))
    step = learner_type.step

    def spoil(learner):
        if learner.iteration == 2:
            learner.params = learner.params * torch.nan
        step(learner)

    with monkeypatch.context() as patched:
        patched.setattr(learner_type, "step", spoil)
        stopped(*TINY, "--iterations=4", "--output=run", words=["iteration 2: a meta-parameter is not finite"])
    assert load_checkpoint(latest_checkpoint(Path("run")))[1]["iteration"] == 2
    assert run("train", "--resume", "--output=run", "--iterations=3") == 0


@pytest.mark.parametrize("options", [ADAM, TINY_SINUSOID])
def test_moments_that_are_not_finite_are_not_saved(options, stopped, monkeypatch):
    """Adam would divide by them, and stand still without a word."""
    learner_type = type(make_learner(load_config(options[0].removeprefix("--config="), options[1:])))
    step = learner_type.step

    def spoil(learner):
        learner.optimizer.tensors["the second moment of adam"][0] = torch.inf
        step(learner)

    monkeypatch.setattr(learner_type, "step", spoil)
    stopped(*options, EVERY_STEP, "--output=run", words=["iteration ", "the second moment of adam is not finite"])
    assert load_checkpoint(latest_checkpoint(Path("run")))[1]["iteration"] == 0


@pytest.mark.parametrize("setting", ["evaluation.first_step_size", "evaluation.later_step_factor"])
def test_an_evaluation_that_diverges_names_its_setting(setting, good, refused):
    words = ["good/checkpoints/latest.pt", "inner step", f"{setting} 1e+30 is most likely too large"]
    refused("evaluate", "good", f"--{setting}=1e30", "--json=e.json", words=words)


def test_a_checkpoint_of_a_divergence_of_earlier_versions_is_refused(good, refused):
    path = latest_checkpoint(good)
    config, state = load_checkpoint(path)
    state["params"][3] = torch.nan
    save_checkpoint(path, config, state)
    refused("evaluate", "good", words=[path.relative_to(Path.cwd()), "finite"])


def test_a_comparison_that_diverges_names_estimator_and_setting(capsys):
    options = [*TINY_SINUSOID[:-2], "--adaptation.proximal.weight=1000", "--estimators=maml", "--inner_steps=60"]
    assert run("compare", *options, "--adaptation.step_size=1e30", "--repeats=1", "--output=comparison") == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert "maml, 60 inner steps: a " in error
    assert "adaptation.step_size 1e+30 is most likely too large" in error
    shutil.rmtree("comparison")
