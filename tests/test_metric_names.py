import math

import numpy as np
import pytest
import torch

from mamlrl.metric_names import after_step, check_name, headline, names_of, over_tasks, seconds, spread, steps_of

POLICY = ["iteration", "env_steps", "return/step_0", "return/step_1", "explained_variance/step_0", "kl"]
SUPERVISED = ["iteration", "mse/step_0", "mse/step_1", "loss/step_0", "loss/step_1", "seconds/step"]


def test_the_name_of_a_mean_after_some_steps():
    assert after_step("return", 2) == "return/step_2"


@pytest.mark.parametrize(("names", "metric"), [(POLICY, "return"), (SUPERVISED, "mse"), (SUPERVISED[3:], "loss")])
def test_the_headline_is_the_first_metric_that_is_measured_after_steps(names, metric):
    assert headline(names) == metric
    assert headline(dict.fromkeys(names)) == metric


@pytest.mark.parametrize("names", [[], ["iteration", "kl"], ["return/step_1"], ["return/step_00"]])
def test_without_a_metric_after_0_steps_there_is_no_headline(names):
    with pytest.raises(ValueError, match="no metric named METRIC/step_0"):
        headline(names)


def test_steps_of_a_metric_are_found_in_the_order_given():
    assert steps_of("mse", SUPERVISED) == {0: "mse/step_0", 1: "mse/step_1"}
    assert list(steps_of("mse", ["mse/step_10", "mse/step_9", "mse/step_0"])) == [10, 9, 0]
    assert steps_of("accuracy", SUPERVISED) == {}
    assert steps_of("return", ["best_return/step_0", "return/step_1"]) == {1: "return/step_1"}


def test_names_that_are_made_are_found():
    names = [after_step(metric, step) for metric in ("accuracy", "loss") for step in range(12)]
    assert headline(names) == "accuracy"
    assert steps_of("loss", names) == {step: after_step("loss", step) for step in range(12)}


def test_seconds_of_phases():
    assert seconds({"sampling": 1.5, "cg": 0.25}) == {"seconds/sampling": 1.5, "seconds/cg": 0.25}


def test_names_of_metrics_without_their_steps():
    assert names_of(POLICY) == ["iteration", "env_steps", "return", "explained_variance", "kl"]


def test_means_over_tasks_and_the_spread_of_returns():
    returns, others = torch.tensor([[1.0, 2.0, 6.0], [5.0, 7.0, 9.0]]), torch.tensor([[1.0, 0.0, 0.0]] * 2)
    metrics = {**over_tasks({"return": list(returns), "success": list(others)}), **spread(returns)}
    assert metrics["return/step_0"] == 3
    assert metrics["success/step_1"] == pytest.approx(1 / 3)
    deviations = [metrics[f"return_std/step_{step}"] for step in (0, 1)]
    assert deviations == pytest.approx(np.std(returns.numpy(), axis=1, ddof=1))
    assert [metrics[f"worst_return/step_{step}"] for step in (0, 1)] == [1, 5]
    assert len(metrics) == 8
    assert math.isnan(spread([torch.ones(1)])["return_std/step_0"])


@pytest.mark.parametrize("name", ["return", "step", "", "x\ty", "a/step_b"])
def test_names_that_others_cannot_take(name):
    with pytest.raises(ValueError, match="metric"):
        check_name(name)
    check_name("success rate")
