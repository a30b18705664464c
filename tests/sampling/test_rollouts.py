from dataclasses import replace

import pytest
import torch
from samplers import ClockEnv, make_env, make_sampler, sample, sample_fake

from mamlrl.sampling.rollouts import Rollouts, join, keep, tensors_of, without

FIELDS = ("observations", "actions", "rewards", "mask", "outputs")  # of every step


def some_rollouts(tasks, episodes, time, seed=0):
    generator = torch.Generator().manual_seed(seed)
    shape = (tasks, episodes, time)
    observations, actions, outputs = (torch.randn(*shape, size, generator=generator) for size in (3, 2, 4))
    rewards = torch.randn(shape, generator=generator, dtype=torch.float64)
    last = torch.randn(tasks, episodes, 3, generator=generator)
    return Rollouts(observations, actions, rewards, torch.ones_like(rewards), outputs, last)


@pytest.mark.parametrize(("dim", "sizes"), [(0, [(2, 3), (1, 3)]), (1, [(2, 3), (2, 4)])])
def test_joined_rollouts_hold_every_piece_and_zeros_after_the_shorter_one(dim, sizes):
    pieces = [some_rollouts(*size, time, seed=time) for size, time in zip(sizes, (4, 6), strict=True)]
    joined = join(pieces, dim)
    for name in FIELDS:
        parts = getattr(joined, name).split([size[dim] for size in sizes], dim=dim)
        for part, piece in zip(parts, pieces, strict=True):
            values = getattr(piece, name)
            assert torch.equal(part[:, :, : values.shape[2]], values)
            assert not part[:, :, values.shape[2] :].any()
        assert getattr(joined, name).shape[2] == 6


@pytest.mark.parametrize("dim", [0, 1])
def test_joined_rollouts_hold_the_last_observation_of_every_episode(dim):
    pieces = [some_rollouts(2, 3, time, seed=time) for time in (4, 6)]
    expected = torch.cat([piece.last_observations for piece in pieces], dim=dim)
    assert torch.equal(join(pieces, dim).last_observations, expected)
    unknown = [replace(piece, last_observations=None) for piece in pieces]
    assert join(unknown, dim).last_observations is None


def test_the_tensors_are_those_that_are_known():
    rollouts = some_rollouts(1, 2, 3)
    assert tuple(tensors_of(rollouts)) == (*FIELDS, "last_observations")
    assert all(tensor is getattr(rollouts, name) for name, tensor in tensors_of(rollouts).items())
    assert tuple(tensors_of(replace(rollouts, last_observations=None))) == FIELDS


def test_of_episodes_that_are_removed_nothing_is_left():
    rollouts, dropped = some_rollouts(2, 3, 4), torch.tensor([[True, False, False], [False, False, True]])
    result = without(rollouts, dropped)
    for name, values in tensors_of(rollouts).items():
        assert not getattr(result, name)[dropped].any(), name
        assert torch.equal(getattr(result, name)[~dropped], values[~dropped]), name


def test_episodes_that_are_not_kept_are_masked_and_earn_nothing():
    rollouts = some_rollouts(2, 3, 4)
    rollouts = replace(rollouts, mask=(torch.arange(4) < 3).double().expand(2, 3, 4))
    kept = torch.tensor([[True, False, True], [False, True, True]])
    result = keep(rollouts, kept)
    assert torch.equal(result.mask, rollouts.mask * kept[:, :, None])
    assert torch.equal(result.rewards[kept][:, :3], rollouts.rewards[kept][:, :3])
    assert not result.rewards[~kept].any()
    assert result.transitions == 12
    assert torch.equal(result.observations, rollouts.observations)


def test_task_returns_average_over_kept_episodes_only():
    rewards = torch.randn(2, 3, 4, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    mask = torch.ones_like(rewards)
    mask[0, 1] = 0
    mask[1, 2, 2:] = 0
    empty = torch.zeros(2, 3, 4, 1)
    rollouts = Rollouts(empty, empty, rewards, mask, empty)
    expected = [
        rewards[0, [0, 2]].sum().item() / 2,
        (rewards[1, :2].sum() + rewards[1, 2, :2].sum()).item() / 3,
    ]
    assert rollouts.task_returns().tolist() == pytest.approx(expected)
    assert rollouts.transitions == 18


def test_rollouts_cannot_be_changed():
    rollouts = some_rollouts(1, 2, 3)
    with pytest.raises(AttributeError):
        rollouts.mask = rollouts.mask * 0


def test_samplers_keep_the_observation_after_the_last_step_of_every_episode():
    lengths = [3, 8, 5, 1, 8, 9]
    rollouts = sample_fake(ClockEnv(lengths=lengths))
    expected = [min(length, 8) for length in lengths]
    assert rollouts.last_observations.flatten(0, 1).tolist() == [[time, time] for time in expected]
    sampler = make_sampler(make_env(), unit="transitions")
    rollouts = sample(sampler)
    lengths = rollouts.mask.sum(dim=2).long()
    for task, episode in lengths.nonzero().tolist():
        last = rollouts.observations[task, episode, lengths[task, episode] - 1]
        moved = (rollouts.last_observations[task, episode] - last).abs()
        assert 0 < moved.max() <= 0.1 + 1e-6  # the longest step
