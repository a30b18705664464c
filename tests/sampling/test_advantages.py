from dataclasses import fields, replace

import numpy as np
import pytest
import torch
from random_rollouts import ACTIONS, EPISODES, NO_NOISE, TASKS, TIME, make_mask, make_rollouts, normal

from mamlrl.losses.batches import Batch
from mamlrl.losses.policy_losses import Reinforce, Surrogate
from mamlrl.networks.gaussian import DiagonalGaussian
from mamlrl.sampling.advantages import AdvantageConfig, gae, process, standardize
from mamlrl.sampling.discounting import discounted_sum
from mamlrl.sampling.rollouts import Rollouts, tensors_of


def gae_by_hand(rewards, values, discount, gae_lambda):
    """Backward recursion over one episode that ends with value 0."""
    advantages, advantage, next_value = np.zeros(len(rewards)), 0.0, 0.0
    for time in reversed(range(len(rewards))):
        delta = rewards[time] + discount * next_value - values[time]
        advantage = delta + discount * gae_lambda * advantage
        advantages[time], next_value = advantage, values[time]
    return advantages


@pytest.mark.parametrize("discount", [0.0, 0.5, 0.99, 1.0])
def test_discounted_sum_equals_a_plain_loop(discount):
    x = normal(2, 3, 50)
    expected = torch.zeros_like(x)
    future = torch.zeros(2, 3, dtype=x.dtype)
    for time in reversed(range(50)):
        future = x[..., time] + discount * future
        expected[..., time] = future
    torch.testing.assert_close(discounted_sum(x, discount), expected, rtol=1e-12, atol=1e-12)


def test_discounted_sum_keeps_single_precision():
    x = normal(2, 200, dtype=torch.float32)
    result = discounted_sum(x, 0.99)
    assert result.dtype == torch.float32
    torch.testing.assert_close(result, discounted_sum(x.double(), 0.99).float(), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("discount", [0.9, 1.0])
def test_gae_at_lambda_one_is_returns_minus_values(discount):
    mask = make_mask()
    rewards, values = normal(TASKS, EPISODES, TIME, seed=1), normal(TASKS, EPISODES, TIME, seed=2)
    expected = (discounted_sum(rewards * mask, discount) - values) * mask
    torch.testing.assert_close(gae(rewards, values, mask, discount, 1.0), expected)


def test_gae_at_lambda_zero_is_the_td_error():
    mask = make_mask()
    rewards, values = normal(TASKS, EPISODES, TIME, seed=1), normal(TASKS, EPISODES, TIME, seed=2)
    next_values = torch.nn.functional.pad((values * mask)[..., 1:], (0, 1))
    expected = (rewards + 0.9 * next_values - values) * mask
    torch.testing.assert_close(gae(rewards, values, mask, 0.9, 0.0), expected)


@pytest.mark.parametrize(("discount", "gae_lambda"), [(0.99, 0.95), (0.9, 0.0), (1.0, 1.0), (0.0, 0.5)])
def test_gae_equals_a_plain_loop_over_each_episode(discount, gae_lambda):
    mask = make_mask()
    rewards, values = normal(TASKS, EPISODES, TIME, seed=1), normal(TASKS, EPISODES, TIME, seed=2)
    advantages = gae(rewards, values, mask, discount, gae_lambda)
    for task in range(TASKS):
        for episode in range(EPISODES):
            length = int(mask[task, episode].sum())
            expected = np.zeros(TIME)
            expected[:length] = gae_by_hand(
                rewards[task, episode, :length].numpy(),
                values[task, episode, :length].numpy(),
                discount,
                gae_lambda,
            )
            np.testing.assert_allclose(advantages[task, episode].numpy(), expected, atol=1e-12)


def test_gae_ignores_masked_steps():
    mask = make_mask()
    rewards, values = normal(TASKS, EPISODES, TIME, seed=1), normal(TASKS, EPISODES, TIME, seed=2)
    spoiled = [torch.where(mask > 0, x, 1e3) for x in (rewards, values)]
    expected = gae(rewards, values, mask, 0.99, 0.95)
    torch.testing.assert_close(gae(*spoiled, mask, 0.99, 0.95), expected, rtol=0, atol=0)


def test_standardized_advantages_have_mean_zero_and_standard_deviation_one_per_task():
    mask = make_mask()
    scales = torch.tensor([1.0, 10.0, 1e3, 0.01], dtype=torch.float64)[:, None, None]
    advantages = 5 + scales * normal(TASKS, EPISODES, TIME)
    result = standardize(advantages, mask, NO_NOISE)
    assert (result[mask == 0] == 0).all()
    for task in range(TASKS):
        kept = mask[task] > 0
        assert float(result[task][kept].mean()) == pytest.approx(0.0, abs=1e-9)
        assert np.std(result[task][kept].numpy()) == pytest.approx(1.0, rel=1e-5)
        original = advantages[task][kept]
        expected = (original - original.mean()) / original.std(correction=0)
        torch.testing.assert_close(result[task][kept], expected, rtol=1e-5, atol=1e-9)


def test_standardizing_ignores_masked_steps():
    mask, advantages = make_mask(), normal(TASKS, EPISODES, TIME)
    spoiled = torch.where(mask > 0, advantages, 1e3)
    torch.testing.assert_close(
        standardize(spoiled, mask, NO_NOISE), standardize(advantages, mask, NO_NOISE), rtol=0, atol=0
    )


def test_equal_advantages_become_zero():
    mask = make_mask()
    result = standardize(torch.full_like(mask, 0.1), mask, NO_NOISE)
    assert result.abs().max() < 1e-6


@pytest.mark.parametrize("standardized", [True, False])
@pytest.mark.parametrize("gae_lambda", [1.0, 0.9])
def test_process_equals_a_plain_numpy_pipeline(standardized, gae_lambda):
    rollouts = make_rollouts()
    config = AdvantageConfig(discount=0.95, gae_lambda=gae_lambda, standardize=standardized, ridge=1e-3)
    processed = process(rollouts, config)
    for task in range(TASKS):
        designs, returns, rewards = [], [], []
        for episode in range(EPISODES):
            length = int(rollouts.mask[task, episode].sum())
            observations = np.clip(rollouts.observations[task, episode, :length].numpy(), -10, 10)
            time = np.arange(length)[:, None] / 100
            designs.append(np.hstack([observations, observations**2, time, time**2, time**3, time**0]))
            rewards.append(rollouts.rewards[task, episode, :length].numpy())
            returns.append(gae_by_hand(rewards[-1], np.zeros(length), 0.95, 1.0))
        design, target = np.concatenate(designs), np.concatenate(returns)
        penalty = np.sqrt(1e-3) * np.eye(design.shape[1])
        weights, *_ = np.linalg.lstsq(np.vstack([design, penalty]), np.append(target, 0 * penalty[0]), rcond=None)
        parts = [gae_by_hand(r, d @ weights, 0.95, gae_lambda) for r, d in zip(rewards, designs, strict=True)]
        expected = np.concatenate(parts)
        if standardized:
            expected = (expected - expected.mean()) / expected.std()
        valid = processed.batch.weights[task] > 0
        np.testing.assert_allclose(processed.batch.advantages[task][valid].numpy(), expected, atol=1e-6)
        explained = 1 - np.var(target - design @ weights) / np.var(target)
        assert float(processed.explained_variance[task]) == pytest.approx(explained, abs=1e-8)


def test_masked_steps_change_nothing_in_what_the_learner_gets():
    rollouts = make_rollouts()
    inside = rollouts.mask > 0
    spoiled = replace(
        rollouts,
        observations=torch.where(inside[..., None], rollouts.observations, 7.0),
        actions=torch.where(inside[..., None], rollouts.actions, 8.0),
        rewards=torch.where(inside, rollouts.rewards, 9.0),
        outputs=torch.where(inside[..., None], rollouts.outputs, 1.0),
    )
    expected, actual = (process(each, AdvantageConfig()) for each in (rollouts, spoiled))
    assert torch.equal(actual.explained_variance, expected.explained_variance)
    assert torch.equal(actual.batch.weights, expected.batch.weights)
    valid = expected.batch.weights > 0
    for name in (field.name for field in fields(Batch)):
        assert torch.equal(getattr(actual.batch, name)[valid], getattr(expected.batch, name)[valid])
    distribution = DiagonalGaussian(ACTIONS)
    outputs = normal(*expected.batch.outputs.shape, seed=5)
    for loss in (Reinforce(distribution), Surrogate(distribution)):
        torch.testing.assert_close(loss(outputs, actual.batch), loss(outputs, expected.batch))


def test_process_leaves_the_rollouts_as_they_were():
    rollouts = make_rollouts()
    before = {name: tensor.clone() for name, tensor in tensors_of(rollouts).items()}
    process(rollouts, AdvantageConfig())
    assert all(torch.equal(getattr(rollouts, name), tensor) for name, tensor in before.items())


def test_weights_average_over_the_steps_of_each_task():
    rollouts = make_rollouts()
    batch = process(rollouts, AdvantageConfig()).batch
    counts = rollouts.mask.sum(dim=(1, 2))
    torch.testing.assert_close(batch.weights.sum(dim=1), torch.ones(TASKS, dtype=torch.float64))
    torch.testing.assert_close((batch.weights > 0).sum(dim=1).double(), counts)
    expected = (batch.weights > 0) / counts[:, None]
    torch.testing.assert_close(batch.weights, expected)


def test_packing_keeps_every_valid_step_and_as_little_padding_as_possible():
    rollouts = make_rollouts()
    batch = process(rollouts, AdvantageConfig()).batch
    assert len(batch) == TASKS
    assert batch.num_samples == int(rollouts.mask.sum(dim=(1, 2)).max())
    for name in ("observations", "actions", "outputs"):
        for task in range(TASKS):
            packed = getattr(batch, name)[task][batch.weights[task] > 0]
            valid = getattr(rollouts, name)[task][rollouts.mask[task] > 0]
            assert torch.equal(packed, valid)


def test_packing_drops_the_padding_that_no_task_needs():
    rollouts = make_rollouts()
    without_full_task = Rollouts(**{name: values[1:] for name, values in tensors_of(rollouts).items()})
    batch = process(without_full_task, AdvantageConfig()).batch
    assert batch.num_samples == int(rollouts.mask[1:].sum(dim=(1, 2)).max()) < EPISODES * TIME
    assert (batch.weights > 0).all(dim=1).any()


def test_batches_have_the_precision_of_the_observations():
    batch = process(make_rollouts(torch.float32), AdvantageConfig()).batch
    assert all(getattr(batch, field.name).dtype == torch.float32 for field in fields(Batch))


def test_discrete_actions_are_packed_as_they_are():
    rollouts = make_rollouts()
    actions = torch.randint(0, 9, rollouts.mask.shape, generator=torch.Generator().manual_seed(0))
    batch = process(replace(rollouts, actions=actions), AdvantageConfig()).batch
    assert batch.actions.dtype == torch.int64
    for task in range(TASKS):
        packed = batch.actions[task][batch.weights[task] > 0]
        assert torch.equal(packed, actions[task][rollouts.mask[task] > 0])
