import pytest
import torch
from problems import STEP_SIZE, make_objective, relative_error

from mamlrl.outer.adam import Adam, AdamConfig
from mamlrl.outer.promp import Promp, PrompConfig
from mamlrl.timing import PhaseTimer

TASKS, RATE = 3, 0.05


@pytest.fixture
def timer():
    return PhaseTimer(torch.device("cpu"))


def make_promp(policy, params, **settings):
    return Promp(PrompConfig(**settings), AdamConfig(RATE), policy.distribution, torch.zeros_like(params))


def by_hand(policy, inner, batch, clip, kl_weight):
    """ProMP's objective as one function of the meta-parameters, task by task, by plain autograd."""

    def objective(theta):
        total = 0.0
        for task in range(TASKS):
            one = slice(task, task + 1)
            phi = theta
            for losses in (each.tasks(one) for each in inner):
                before = policy(phi[None], losses.batch.observations)
                kl = policy.distribution.kl(losses.batch.outputs, before)
                total = total + kl_weight * (losses.batch.weights * kl).sum() / len(inner)
                phi = phi - STEP_SIZE * torch.func.grad(lambda p, losses=losses: losses(p[None])[0])(phi)
            data = batch.tasks(one)
            log_prob = policy.distribution.log_prob(policy(phi[None], data.observations), data.actions)
            ratio = (log_prob - policy.distribution.log_prob(data.outputs, data.actions)).exp()
            gain = torch.min(ratio * data.advantages, ratio.clamp(1 - clip, 1 + clip) * data.advantages)
            total = total - (data.weights * gain).sum()
        return total / TASKS

    return objective


@pytest.mark.parametrize("steps", [1, 2])
def test_promp_is_adam_on_its_objective_epoch_by_epoch(timer, steps):
    """From the second epoch on, ratios are clipped and the policies before adaptation have moved."""
    policy, params, objective, inner, batch = make_objective(steps=steps)
    optimizer = make_promp(policy, params, epochs=4, clip=0.05, inner_kl_weight=0.7)
    function = by_hand(policy, inner, batch, clip=0.05, kl_weight=0.7)
    expected = torch.nn.Parameter(params.clone())
    reference = torch.optim.Adam([expected], lr=RATE)
    for _ in range(4):
        expected.grad = torch.func.grad(function)(expected.detach())
        reference.step()
    moved, metrics = optimizer.step(params, objective, timer)
    assert relative_error(moved - params, expected.detach() - params) < 1e-6
    assert metrics["kl/inner"] > 0
    assert metrics["kl"] > 0


def test_the_first_epoch_of_promp_is_maml_with_adam(timer):
    """Ratios are 1, and the divergence from itself has no gradient."""
    policy, params, objective, _, _ = make_objective()
    moved, metrics = make_promp(policy, params, epochs=1).step(params, objective, timer)
    expected, _ = Adam(AdamConfig(RATE), params).step(params, objective, timer)
    torch.testing.assert_close(moved, expected)
    assert metrics["gradient_norm/meta"] == pytest.approx(float(objective.gradient().norm()))


def test_promp_stops_gaining_from_ratios_that_are_clipped(timer):
    divergences = []
    for clip in (0.01, 1.0):
        policy, params, objective, _, _ = make_objective()
        _, metrics = make_promp(policy, params, epochs=15, clip=clip).step(params, objective, timer)
        divergences.append(metrics["kl"])
    assert divergences[0] < divergences[1] / 2
