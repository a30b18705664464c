"""Sampling by transitions instead of episodes."""

import numpy as np
import torch
from budgets import first, simulate_finished, simulate_shared
from samplers import EPISODES, FIELDS, init, make_env, make_sampler, randomness, sample

from mamlrl.sampling.budgets import finished_budget


def rounds_of_episodes(number):
    """The rounds that a sampler with seed 0 collects, one after another."""
    sampler, source = make_sampler(make_env()), randomness()
    params = init(sampler)
    return [sampler.sample(params, source) for _ in range(number)]


def lengths_of(rounds):
    """Of the episodes of each task, one after another, shape (task, round x episode)."""
    return np.concatenate([r.mask.sum(dim=2).int().numpy() for r in rounds], axis=1)


def test_in_training_all_tasks_share_the_budget():
    env = make_env()
    rollouts = sample(make_sampler(env, unit="transitions"))
    budget = EPISODES * env.horizon
    assert rollouts.mask.sum() >= len(rollouts.mask) * budget

    number = rollouts.mask.shape[1] // EPISODES
    assert number > 1
    lengths = lengths_of(rounds_of_episodes(number))
    counts = simulate_shared(lengths, len(lengths) * budget)
    np.testing.assert_array_equal(rollouts.mask[:, :, 0].bool().numpy(), first(counts, lengths.shape[1]))
    assert min(counts) < lengths.shape[1]


def test_in_evaluation_each_task_finishes_its_own():
    env = make_env()
    rollouts = sample(make_sampler(env, unit="transitions", budget=finished_budget))
    budget = EPISODES * env.horizon
    assert (rollouts.mask.sum(dim=(1, 2)) >= budget).all()

    lengths = lengths_of(rounds_of_episodes(rollouts.mask.shape[1] // EPISODES))
    counts = [simulate_finished(task, budget) for task in lengths]
    np.testing.assert_array_equal(rollouts.mask[:, :, 0].bool().numpy(), first(counts, lengths.shape[1]))
    assert len(set(counts)) > 1


def test_sampling_by_transitions_keeps_whole_episodes_as_they_were():
    rollouts = sample(make_sampler(make_env(), unit="transitions"))
    number = rollouts.mask.shape[1] // EPISODES
    for index, one_round in enumerate(rounds_of_episodes(number)):
        episodes = slice(index * EPISODES, (index + 1) * EPISODES)
        kept = rollouts.mask[:, episodes, 0].bool()
        time = one_round.mask.shape[2]
        for name in FIELDS:
            joined, alone = getattr(rollouts, name)[:, episodes], getattr(one_round, name)
            assert torch.equal(joined[kept][:, :time], alone[kept])
        assert not rollouts.mask[:, episodes][kept][:, time:].any()
        assert not rollouts.mask[:, episodes][~kept].any()
        assert not rollouts.rewards[:, episodes][~kept].any()


def test_where_no_episode_ends_early_both_units_collect_the_same():
    by_episodes, by_transitions = (
        sample(make_sampler(make_env(goal_range=50.0), unit=unit)) for unit in ("episodes", "transitions")
    )
    assert by_episodes.mask.all()
    for name in FIELDS:
        assert torch.equal(getattr(by_episodes, name), getattr(by_transitions, name))
