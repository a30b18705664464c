from dataclasses import fields, replace

import pytest
import torch

from mamlrl.sampling.rollouts import Rollouts, join, keep

FIELDS = [field.name for field in fields(Rollouts)]


def some_rollouts(tasks, episodes, time, seed=0):
    generator = torch.Generator().manual_seed(seed)
    shape = (tasks, episodes, time)
    observations, actions, outputs = (torch.randn(*shape, size, generator=generator) for size in (3, 2, 4))
    rewards = torch.randn(shape, generator=generator, dtype=torch.float64)
    return Rollouts(observations, actions, rewards, torch.ones_like(rewards), outputs)


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
