"""Meta-reinforcement learning with every combination of its parts."""

from dataclasses import replace

import pytest
import torch
from programs import TINY, deterministic_rows, run

from mamlrl.adaptation.build import ESTIMATORS
from mamlrl.experiments.command_line import load_config
from mamlrl.learners.policy import MetaLearner
from mamlrl.outer.adam import AdamConfig
from mamlrl.outer.build import OUTER_OPTIMIZERS

IMAML = [
    "--adaptation.loss=likelihood_ratio",
    "--adaptation.proximal.weight=5",
    "--adaptation.proximal.cg_iterations=4",
]


@pytest.mark.parametrize("name", OUTER_OPTIMIZERS)
@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_every_pair_of_estimator_and_outer_optimizer_trains(name, estimator):
    options = [*TINY[1:], f"--outer_optimizer={name}", f"--adaptation.estimator={estimator}", *IMAML]
    learner = MetaLearner(load_config("navigation2d", options))
    before = learner.params.clone()
    rows = [learner.iterate() for _ in range(2)]
    assert rows[0].keys() == rows[1].keys()
    assert learner.params.isfinite().all()
    assert not torch.equal(learner.params, before)
    reported = {"proximal/cg_residual", "proximal/cg_products", "proximal/gradient_norm"}
    assert reported.issubset(rows[0]) == learner.estimator.rule.implicit


@pytest.mark.parametrize("name", ["adam", "promp"])
def test_a_resumed_run_continues_bit_for_bit(name, tmp_path):
    options = [*TINY, f"--outer_optimizer={name}", "--adaptation.learned_step_size=per_layer"]
    assert run("train", *options, "--iterations=4", "--output", tmp_path / "whole") == 0
    assert run("train", *options, "--iterations=2", "--output", tmp_path / "halves") == 0
    assert run("train", "--output", tmp_path / "halves", "--resume", "--iterations=4") == 0
    assert deterministic_rows(tmp_path / "halves") == deterministic_rows(tmp_path / "whole")


def test_learned_step_sizes_are_reported_and_learned():
    options = [*TINY[1:], "--outer_optimizer=adam", "--adaptation.learned_step_size=per_parameter"]
    learner = MetaLearner(replace(load_config("navigation2d", options), adam=AdamConfig(0.05)))
    means = [learner.iterate()["step_size/mean"] for _ in range(2)]
    assert means[0] == pytest.approx(0.5)
    _, step_sizes = learner.estimator.split(learner.params)
    assert learner.iterate()["step_size/mean"] == pytest.approx(float(step_sizes.mean()))
    assert means[1] != means[0]
