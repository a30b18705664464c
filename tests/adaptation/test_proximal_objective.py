"""The optimizers of the proximal inner objective."""

from dataclasses import replace
from itertools import pairwise

import pytest
import torch
from problems import make_batch, make_params, make_policy, relative_error
from ridge import NETWORK, TASKS, WEIGHT, make_ridge

from mamlrl.adaptation.proximal_objective import INNER_OPTIMIZERS, ProximalObjective, _backtrack
from mamlrl.errors import LearningError
from mamlrl.losses.policy_losses import Surrogate
from mamlrl.losses.task_losses import TaskLosses

INNER = make_ridge(1, scale=0.0)


@pytest.fixture
def params():
    return torch.randn(NETWORK.num_parameters, generator=torch.Generator().manual_seed(3), dtype=torch.float64)


def make_objective(losses, params, weight, cg_iterations, cg_tolerance):
    start = params.expand(TASKS, -1)
    weight, mask = params.new_tensor(weight), torch.ones_like(params)
    return ProximalObjective(losses, start, weight, mask, "hessian", cg_iterations, cg_tolerance)


@pytest.fixture
def bowl(params):
    """The objective of ridge regression."""
    return make_objective(INNER.losses, params, WEIGHT, cg_iterations=12, cg_tolerance=1e-28)


def test_newtons_method_descends_where_the_curvature_is_negative():
    policy = make_policy()
    params = make_params(policy)
    losses = TaskLosses(policy, Surrogate(policy.distribution), make_batch(policy, params))
    saddle = make_objective(losses, params, 0.05, cg_iterations=40, cg_tolerance=1e-10)
    assert saddle.solve(saddle.loss_curvature(saddle.start), saddle.gradient(saddle.start)).indefinite.any()
    values = [saddle(INNER_OPTIMIZERS["newton_cg"](saddle, steps, 0.0)) for steps in range(4)]
    assert all((after < before).all() for before, after in pairwise(values))


def test_a_line_search_descends_whatever_the_step_size(bowl):
    values = [bowl(INNER_OPTIMIZERS["line_search"](bowl, steps, 30.0)) for steps in range(4)]
    assert all((after < before).all() for before, after in pairwise(values))
    assert (bowl(INNER_OPTIMIZERS["gradient_descent"](bowl, 1, 30.0)) > values[0]).all()


def test_newtons_method_stops_when_there_is_nothing_left_to_do(bowl, params, monkeypatch):
    taken = []
    gradient = ProximalObjective.gradient
    monkeypatch.setattr(ProximalObjective, "gradient", lambda self, x: taken.append(1) or gradient(self, x))
    minimum = INNER_OPTIMIZERS["newton_cg"](bowl, 50, 0.0)
    assert len(taken) <= 4
    assert relative_error(minimum, INNER.minima(params, torch.tensor(WEIGHT))) < 1e-12


class Cliff:
    """The bowl, whose values beyond a distance from the start are not numbers."""

    def __init__(self, bowl, value):
        self.bowl, self.value = bowl, value

    def __getattr__(self, name):
        return getattr(self.bowl, name)

    def __call__(self, params):
        far = (params - self.bowl.start).norm(dim=1) > 0.1
        return torch.where(far, self.value, self.bowl(params))


@pytest.mark.parametrize("value", [torch.nan, torch.inf, -torch.inf])
def test_line_searches_step_back_from_values_that_are_not_finite(bowl, value):
    found = INNER_OPTIMIZERS["line_search"](Cliff(bowl, value), 1, 0.1)
    shift = (found - bowl.start).norm(dim=1)
    assert ((shift > 0) & (shift <= 0.1)).all()
    assert (bowl(found) < bowl(bowl.start)).all()


def test_a_direction_that_is_not_finite_is_not_taken(bowl):
    direction = torch.full_like(bowl.start, torch.inf)
    found = _backtrack(bowl, bowl.start, direction, torch.full((TASKS,), -1.0, dtype=torch.float64))
    assert torch.equal(found, bowl.start)


def test_moments_of_the_inner_adam_that_overflow_are_named(bowl):
    """Adam would divide by them, and stand still without a word."""
    steep = replace(bowl, weight=bowl.weight * 1e200, start=bowl.start, losses=bowl.losses)
    with pytest.raises(LearningError, match="second moment of the inner loop's Adam of task 0 is not finite"):
        INNER_OPTIMIZERS["adam"](steep, 2, 0.1)
