"""What evaluations of all kinds have in common: intervals, step sizes, and which kinds can be evaluated."""

import numpy as np
import pytest
import torch
from problems import make_policy
from scipy import stats

from mamlrl.errors import UserError
from mamlrl.evaluation.build import EVALUATIONS, evaluate
from mamlrl.evaluation.evaluation import evaluation_estimator, mean_interval
from mamlrl.experiments.build import KINDS
from mamlrl.experiments.command_line import load_config
from mamlrl.experiments.experiment import Experiment
from mamlrl.experiments.policy import PolicyExperiment
from mamlrl.experiments.supervised import SupervisedExperiment


def navigation(*overrides):
    return load_config("navigation2d", ["--evaluation.steps=2", *overrides])


def estimator_of(config):
    return evaluation_estimator(config.evaluation, config.adaptation, make_policy())


@pytest.mark.parametrize("count", [2, 3, 40])
def test_mean_interval_is_scipys(count):
    values = np.random.default_rng(count).normal(3, 2, count)
    mean, half_width = mean_interval(values)
    low, high = stats.t.interval(0.95, count - 1, loc=np.mean(values), scale=stats.sem(values))
    assert (mean - half_width, mean + half_width) == pytest.approx((low, high))
    assert mean_interval(list(values)) == (mean, half_width)


def test_mean_interval_of_one_value_is_undefined_and_of_equal_values_zero():
    mean, half_width = mean_interval([2.5])
    assert mean == 2.5
    assert np.isnan(half_width)
    assert mean_interval([2.0, 2.0, 2.0]) == (2.0, 0.0)


@pytest.mark.parametrize(
    ("overrides", "expected"),
    [
        (["--evaluation.steps=3"], (0.2, 0.1, 0.1)),
        (["--evaluation.steps=3", "--evaluation.first_step_size=0.4"], (0.4, 0.2, 0.2)),
        (["--evaluation.steps=3", "--evaluation.later_step_factor=1"], (0.2, 0.2, 0.2)),
        (["--evaluation.steps=2", "--evaluation.later_step_factor=0"], (0.2, 0.0)),
        (["--evaluation.steps=2", "--evaluation.first_step_size=0"], (0.0, 0.0)),
        (["--evaluation.steps=1"], (0.2,)),
        (["--evaluation.steps=0"], ()),
    ],
)
def test_step_sizes(overrides, expected):
    config = navigation("--adaptation.step_size=0.2", "--adaptation.steps=2", *overrides)
    estimator = estimator_of(config)
    (size,) = estimator.rule.step_sizes.expand(torch.zeros(0)).unique()
    assert [scale * float(size) for scale in estimator.scales] == pytest.approx(expected)


def test_published_protocol_halves_the_step_size_after_the_first_step():
    assert (
        estimator_of(PolicyExperiment()).scales == estimator_of(SupervisedExperiment()).scales == (1.0, 0.5, 0.5)
    )


@pytest.mark.parametrize(
    "inner_loop",
    [
        ["--adaptation.learned_step_size=one"],
        ["--adaptation.estimator=imaml", "--adaptation.proximal.weight=1"],
    ],
)
def test_a_first_step_size_needs_a_fixed_one_to_replace(inner_loop):
    config = navigation("--evaluation.first_step_size=0.1", *inner_loop)
    with pytest.raises(UserError, match="first_step_size"):
        estimator_of(config)


def test_steps_that_imaml_cannot_scale_are_refused():
    imaml = ["--adaptation.estimator=imaml", "--adaptation.proximal.weight=1"]
    assert estimator_of(navigation(*imaml)).scales == (1.0, 0.5)
    with pytest.raises(UserError, match=r"evaluation\.later_step_factor"):
        estimator_of(navigation(*imaml, "--evaluation.later_step_factor=0"))


@pytest.mark.parametrize("kind", ["policy", "supervised"])
def test_every_kind_is_evaluated_by_its_own(kind, monkeypatch):
    monkeypatch.setattr(EVALUATIONS, "_entries", {kind: lambda experiment, params: (experiment, params)})
    experiment, params = KINDS[kind](), torch.zeros(3)
    assert evaluate(experiment, params) == (experiment, params)


def test_a_kind_without_an_evaluation_is_named():
    with pytest.raises(UserError, match=r"^kind: must be one of policy, supervised, classifier, got search$"):
        evaluate(Experiment(kind="search"), torch.zeros(3))
