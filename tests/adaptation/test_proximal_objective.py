"""The optimizers of the proximal inner objective."""

from itertools import pairwise

import pytest
import torch
from problems import make_batch, make_params, make_policy, relative_error
from ridge import NETWORK, TASKS, WEIGHT, make_ridge

from mamlrl.adaptation.proximal_objective import INNER_OPTIMIZERS, ProximalObjective
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
