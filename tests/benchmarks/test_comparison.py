"""Meta-gradients of several estimators against a converged one."""

from dataclasses import replace

import pytest
import torch
from comparisons import gradient, smooth
from problems import relative_error

from mamlrl.benchmarks.comparison import Reference, Setting, compare, settings, solve
from mamlrl.benchmarks.problems import sample_problem
from mamlrl.errors import UserError


def test_the_reference_is_converged(reference):
    assert reference.inner_gradient < 1e-10
    assert reference.cg_residual < 1e-10


def test_the_reference_is_the_derivative_of_the_outer_loss_at_the_minimum(config, problem, reference):
    """By central differences of adaptations that were solved anew."""
    proximal = replace(config.adaptation.proximal, optimizer="newton_cg", cg_iterations=44, cg_tolerance=1e-24)
    solving = replace(config.adaptation, estimator="imaml", gradient_steps=20, proximal=proximal)
    vector = torch.randn(len(problem.params), generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    ahead, behind = (problem.params + sign * 1e-5 * vector for sign in (1, -1))
    objective = problem.meta_objective(solving)
    difference = (objective.evaluate(ahead)[0] - objective.evaluate(behind)[0]) / 2e-5
    assert float(reference.gradient @ vector) == pytest.approx(difference, rel=1e-6)


def test_maml_and_imaml_converge_to_the_reference_and_first_order_does_not(config, problem, reference):
    for estimator in ("maml", "imaml"):
        errors = [relative_error(gradient(problem, config, estimator, n), reference.gradient) for n in (1, 8, 64)]
        assert errors[0] > errors[1] > errors[2]
        assert errors[2] < 1e-5
    assert relative_error(gradient(problem, config, "first_order", 64), reference.gradient) > 1e-3


def test_where_there_is_no_minimum_the_weight_is_to_blame(config, problem):
    weak = replace(config.adaptation, proximal=replace(config.adaptation.proximal, weight=1e-6))
    with pytest.raises(UserError, match=r"adaptation.proximal.weight: with 1e-06.*raise the weight"):
        solve(problem, weak)


def test_every_setting_is_measured_once(config, problem):
    assert settings(problem, config.adaptation, ["maml", "imaml"], [1, 4], [2, 10]) == [
        Setting("maml", 1, None),
        Setting("maml", 4, None),
        Setting("imaml", 1, 10),
        Setting("imaml", 4, 10),
        Setting("imaml", 4, 2),
    ]


def test_a_measurement_is_of_its_setting(config, problem, reference):
    measured = compare(problem, config.adaptation, reference, Setting("imaml", 3, 2), repeats=1)
    proximal = replace(config.adaptation.proximal, cg_iterations=2, cg_tolerance=0.0)
    expected = gradient(
        problem, replace(config, adaptation=replace(config.adaptation, proximal=proximal)), "imaml", 3
    )
    assert measured.relative_error == pytest.approx(relative_error(expected, reference.gradient), rel=1e-6)
    assert (measured.estimator, measured.gradient_steps, measured.cg_iterations) == ("imaml", 3, 2)
    assert measured.peak_memory_mib >= 0
    assert measured.seconds > 0


def test_memory_of_implicit_estimators_is_flat_in_their_steps_and_that_of_maml_linear():
    options = ["--env.kwargs.horizon=20", "--policy.hidden_sizes=[50, 50]", "--sampling.episodes_per_task=20"]
    config = smooth(*options)
    problem = sample_problem(config)
    reference = Reference(torch.ones_like(problem.params), 0.0, 0.0)  # errors do not matter here

    def memory(estimator, steps):
        cg_iterations = None if estimator == "maml" else 2
        setting = Setting(estimator, steps, cg_iterations)
        return compare(problem, config.adaptation, reference, setting, repeats=1).peak_memory_mib

    for implicit in ("imaml", "linearized_imaml"):
        assert memory(implicit, 16) == pytest.approx(memory(implicit, 1), rel=0.01)
    at_one, at_four, at_seven = (memory("maml", steps) for steps in (1, 4, 7))
    assert at_four > 2 * at_one
    assert at_seven - at_four == pytest.approx(at_four - at_one, rel=0.01)
