"""What holds for every loss of a network's outputs."""

import pytest
import torch
from problems import make_batch, make_params, make_policy, relative_error

from mamlrl.losses.batches import Batch
from mamlrl.losses.build import INNER_LOSSES
from mamlrl.losses.policy_losses import ClippedSurrogate, KlDivergence, Reinforce, Surrogate
from mamlrl.losses.task_losses import TaskLosses
from mamlrl.networks.categorical import Categorical

LOSSES = {
    "reinforce": Reinforce,
    "likelihood_ratio": Surrogate,
    "clipped": lambda distribution: ClippedSurrogate(distribution, 0.05),
    "kl": KlDivergence,
}


def test_every_inner_loss_is_among_the_losses():
    assert INNER_LOSSES.items() <= LOSSES.items()


@pytest.mark.parametrize("name", LOSSES)
@pytest.mark.parametrize("discrete", [False, True], ids=["gaussian", "categorical"])
def test_derivatives_in_the_outputs_are_those_of_torch_func(name, discrete):
    policy = make_policy(discrete)
    batch = make_batch(policy, make_params(policy))
    generator = torch.Generator().manual_seed(1)
    outputs, tangents = (
        torch.randn(batch.outputs.shape, generator=generator, dtype=torch.float64) for _ in range(2)
    )
    outputs = batch.outputs + 0.1 * outputs
    losses = TaskLosses(policy, LOSSES[name](policy.distribution), batch)

    def total(here):
        return losses.output_loss(here, batch).sum()

    gradient, product = losses.differentiate(outputs)
    assert relative_error(gradient, torch.func.grad(total)(outputs)) < 1e-12
    expected = torch.func.jvp(torch.func.grad(total), (outputs,), (tangents,))[1]
    assert relative_error(product(tangents), expected) < 1e-12
    assert relative_error(product(tangents), expected) < 1e-12  # a product can be taken again


def every_action_once(outputs, advantages):
    """One task in which every state, of which there are as many as rows, occurs with every action.

    Weights are the probabilities of the actions by `outputs`, so that means are expectations.
    """
    states, actions = outputs.shape
    return Batch(
        observations=torch.zeros(1, states * actions, 1, dtype=outputs.dtype),
        actions=torch.arange(actions).repeat(1, states),
        advantages=advantages.reshape(1, -1),
        outputs=outputs.repeat_interleave(actions, dim=0)[None],
        weights=outputs.softmax(dim=1).reshape(1, -1) / states,
    )


@pytest.mark.parametrize("name", INNER_LOSSES)
def test_gradients_are_those_of_the_expected_advantage_elsewhere_too_unless_the_loss_is_on_policy(name):
    loss = INNER_LOSSES[name](Categorical(4))
    generator = torch.Generator().manual_seed(0)
    sampled, change, advantages = torch.randn(3, 5, 4, generator=generator, dtype=torch.float64)
    batch = every_action_once(sampled, advantages)
    gradient = torch.func.grad(lambda outputs: loss(outputs.repeat_interleave(4, dim=0)[None], batch)[0])
    expected = torch.func.grad(lambda outputs: -(outputs.softmax(dim=1) * advantages).sum(dim=1).mean())
    assert relative_error(gradient(sampled), expected(sampled)) < 1e-12
    elsewhere = sampled + change
    assert (relative_error(gradient(elsewhere), expected(elsewhere)) > 0.1) == loss.on_policy
    assert (relative_error(gradient(elsewhere), expected(elsewhere)) < 1e-12) != loss.on_policy
