"""Losses on the data of the inner loop, and the means that every part of the objective takes."""

import pytest
import torch
from adapted_problems import central_difference, solve_problem

from mamlrl.losses.policy_losses import KlDivergence, Reinforce, Surrogate
from mamlrl.losses.task_losses import TaskLosses
from mamlrl.outer import objective as objective_module
from mamlrl.outer.objective import mean_over_tasks


@pytest.fixture(autouse=True)
def _seed():
    torch.manual_seed(0)


@pytest.mark.parametrize("name", ["maml", "maml, step sizes per layer", "imaml"])
def test_inner_kl_gradient_is_central_finite_differences(name):
    _, policy, params, _, _, objective = solve_problem(name, steps=2)
    loss, kl = Surrogate(policy.distribution), KlDivergence(policy.distribution)
    there = params + 0.02 * torch.randn_like(params)
    v = torch.randn_like(params) / len(params) ** 0.5
    expected = central_difference(lambda p: objective.moved(p, loss).inner_gradient(kl)[0], there, v)
    value, gradient = objective.moved(there, loss).inner_gradient(kl)
    assert value > 0
    assert float(gradient @ v) == pytest.approx(expected, rel=1e-6, abs=1e-9)


@pytest.mark.parametrize("name", ["maml", "maml, step sizes per layer", "imaml"])
@pytest.mark.parametrize("make_loss", [Reinforce, Surrogate])
def test_inner_gradient_of_any_loss_is_central_finite_differences(name, make_loss):
    _, policy, params, _, _, objective = solve_problem(name, steps=2)
    loss, inner_loss = Surrogate(policy.distribution), make_loss(policy.distribution)
    there = params + 0.02 * torch.randn_like(params)
    v = torch.randn_like(params) / len(params) ** 0.5
    expected = central_difference(lambda p: objective.moved(p, loss).inner_gradient(inner_loss)[0], there, v)
    _, gradient = objective.moved(there, loss).inner_gradient(inner_loss)
    assert float(gradient @ v) == pytest.approx(expected, rel=1e-6, abs=1e-9)


def test_the_inner_loss_is_taken_before_each_step_on_the_data_of_the_step():
    _, policy, _, adaptation, _, objective = solve_problem("maml", steps=3)
    loss = Surrogate(policy.distribution)
    values = [
        TaskLosses(policy, loss, update.losses.batch)(params).mean()
        for update, params in zip(adaptation.updates, adaptation.trajectory, strict=False)
    ]
    assert objective.inner_gradient(loss)[0] == pytest.approx(float(sum(values) / 3), rel=1e-12)


def test_means_over_tasks():
    assert mean_over_tasks(torch.tensor([6.0, 9.0]), 3).tolist() == [2.0, 3.0]


def test_every_mean_of_the_objective_is_taken_in_one_place(monkeypatch):
    def quantities():
        torch.manual_seed(0)
        _, policy, params, _, _, objective = solve_problem("maml", steps=2)
        inner, inner_gradient = objective.inner_gradient(Reinforce(policy.distribution))
        loss, kl = objective.evaluate(params + 0.02)
        numbers = torch.tensor([inner, loss, kl], dtype=torch.float64)
        return torch.cat([numbers, inner_gradient, objective.gradient(), objective.curvature()(params)])

    before = quantities()
    monkeypatch.setattr(
        objective_module, "mean_over_tasks", lambda total, num_tasks, weight: 2 * total / num_tasks
    )
    torch.testing.assert_close(quantities(), 2 * before)
