"""Which episodes are kept where transitions are counted."""

import numpy as np
import pytest
import torch
from budgets import first, simulate_finished, simulate_shared

from mamlrl.sampling.budgets import finished_budget, shared_budget

TASKS, EPISODES, HORIZON = 3, 4, 10


def rounds_of(lengths):
    """The lengths of each round of episodes, from all of shape (task, round x episode)."""
    return [torch.from_numpy(part) for part in np.split(lengths, lengths.shape[1] // EPISODES, axis=1)]


@pytest.fixture(params=range(20))
def lengths(request):
    return np.random.default_rng(request.param).integers(1, HORIZON + 1, (TASKS, 3 * EPISODES))


@pytest.mark.parametrize("share", [5, 17, 30, 60])
def test_a_shared_budget_keeps_what_the_simulation_completes(lengths, share):
    counts = simulate_shared(lengths, share * TASKS)
    kept = shared_budget(rounds_of(lengths), share)
    if counts is None:
        assert kept is None
    else:
        np.testing.assert_array_equal(kept.numpy(), first(counts, lengths.shape[1]))


@pytest.mark.parametrize("share", [5, 17, 30, 60])
def test_a_finished_budget_keeps_what_the_simulation_collects(lengths, share):
    counts = [simulate_finished(task, share) for task in lengths]
    kept = finished_budget(rounds_of(lengths), share)
    if None in counts:
        assert kept is None
    else:
        np.testing.assert_array_equal(kept.numpy(), first(counts, lengths.shape[1]))
        collected = (kept.numpy() * lengths).sum(axis=1)
        last = lengths[np.arange(TASKS), np.array(counts) - 1]
        assert ((collected >= share) & (collected - last < share)).all()


@pytest.mark.parametrize("budget", [shared_budget, finished_budget])
def test_whole_episodes_are_all_kept(budget):
    rounds = rounds_of(np.full((TASKS, EPISODES), HORIZON))
    assert budget(rounds, EPISODES * HORIZON).all()
    assert budget(rounds, EPISODES * HORIZON + 1) is None


def test_further_rounds_change_nothing_once_it_is_decided(lengths):
    rounds, longer = rounds_of(lengths), rounds_of(np.concatenate([lengths, lengths], axis=1))
    for budget in (shared_budget, finished_budget):
        kept = budget(rounds, 10)
        assert kept is not None
        more = budget(longer, 10)
        assert torch.equal(more[:, : lengths.shape[1]], kept)
        assert not more[:, lengths.shape[1] :].any()


def test_finished_budgets_see_short_episodes_nearly_as_often_as_they_are():
    """Half of the episodes are short; of 20 x 100 transitions, published evaluations see a share of 0.503."""
    rng = np.random.default_rng(0)
    lengths = rng.choice([20, 100], (4000, 120))
    kept = finished_budget([torch.from_numpy(lengths)], 2000).numpy()
    share = (kept * (lengths == 20)).sum() / kept.sum()
    assert abs(share - 0.5) < 0.012
    shared = shared_budget([torch.from_numpy(lengths[:40])], 2000).numpy()
    assert 0.5 < (shared * (lengths[:40] == 20)).sum() / shared.sum() < 0.56
