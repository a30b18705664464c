from dataclasses import fields

import problems
import pytest
import torch

from mamlrl.losses.batches import Batch


def make_batch(samples, valid=None):
    """A batch in which every field tells the position of the sample; weights end after `valid` samples."""
    position = torch.arange(samples, dtype=torch.float64).expand(2, -1)
    weights = (position < (valid or samples)).double()
    return Batch(
        observations=position[..., None],
        actions=position[..., None],
        advantages=position,
        outputs=position[..., None].expand(-1, -1, 2),
        weights=weights / weights.sum(dim=1, keepdim=True),
    )


def test_tasks_of_a_batch_are_slices_of_every_field():
    policy = problems.make_policy()
    batch = problems.make_batch(policy, problems.make_params(policy))
    part = batch.tasks(slice(1, 3))
    assert len(part) == 2
    for field in fields(Batch):
        assert torch.equal(getattr(part, field.name), getattr(batch, field.name)[1:3])


@pytest.mark.parametrize(("samples", "fraction"), [(40, 0.25), (40, 0.3), (37, 0.5), (1000, 0.7), (40, 0.9)])
def test_subsample_takes_evenly_spaced_samples(samples, fraction):
    part = make_batch(samples).subsample(fraction)
    positions = part.advantages[0]
    assert part.num_samples == round(fraction * samples)
    assert positions[0] == 0
    assert positions[-1] >= samples - 1 - 1 / fraction
    gaps = positions.diff()
    assert gaps.min() >= 1
    assert gaps.max() - gaps.min() <= 1
    for field in ("observations", "actions", "outputs"):
        assert torch.equal(getattr(part, field)[0, :, 0], positions)


def test_weights_of_a_subsample_sum_to_one_and_stay_zero_for_padding():
    batch = make_batch(40, valid=25)
    part = batch.subsample(0.25)
    valid = part.advantages < 25
    assert 0 < valid.sum() < valid.numel()
    torch.testing.assert_close(part.weights.sum(dim=1), torch.ones(2, dtype=torch.float64))
    assert (part.weights[~valid] == 0).all()
    assert (part.weights[valid] == part.weights[0, 0]).all()


def test_subsample_of_everything_is_the_batch_and_of_almost_nothing_one_sample():
    batch = make_batch(40, valid=3)
    assert batch.subsample(1.0) is batch
    one = batch.subsample(1e-6)
    assert one.num_samples == 1
    torch.testing.assert_close(one.weights, torch.ones(2, 1, dtype=torch.float64))
