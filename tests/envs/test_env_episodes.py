"""Episodes of every registered environment: their ends, what comes after, and restarts."""

import itertools

import numpy as np
import pytest
import torch
from env_cases import (
    BANDIT,
    HORIZON,
    assert_same,
    every_case,
    make_batch,
    mask_of,
    record,
    sample_actions,
    some_tasks,
)
from gymnasium.spaces import Box

from mamlrl.envs.navigation import Navigation2DVectorEnv
from mamlrl.networks.build import PolicyConfig, make_policy
from mamlrl.randomness import Randomness
from mamlrl.sampling.sampler import Sampler
from mamlrl.sampling.settings import SamplingConfig


@every_case
def test_episodes_are_truncated_at_the_horizon_and_not_before(case):
    env = make_batch(case)
    env.reset(seed=0)
    _, _, terminated, truncated = record(env, sample_actions(env))
    assert not truncated[:-1].any()
    assert (truncated[-1] | terminated[-1]).all()
    assert truncated[-1].any()


@every_case
def test_finished_episodes_stay_finished(case):
    env = make_batch(case)
    env.reset(seed=0)
    actions = sample_actions(env, 2 * HORIZON)
    observations, _, terminated, truncated = record(env, actions[:HORIZON])
    assert (terminated[-1] | truncated[-1]).all()
    later = record(env, actions[HORIZON:])
    for one_observations, rewards, one_terminated, one_truncated in zip(*later, strict=True):
        np.testing.assert_array_equal(one_observations, observations[-1])
        np.testing.assert_array_equal(rewards, 0.0)
        np.testing.assert_array_equal(one_terminated, terminated[-1])
        np.testing.assert_array_equal(one_truncated, truncated[-1])


@every_case
def test_flags_never_fall_back_and_end_rewards(case):
    env = make_batch(case)
    env.reset(seed=0)
    _, rewards, terminated, truncated = record(env, sample_actions(env, 2 * HORIZON))
    ended = terminated | truncated
    assert (ended[:-1] <= ended[1:]).all()
    np.testing.assert_array_equal(rewards[1:][ended[:-1]], 0.0)


@every_case
def test_rollouts_mask_what_comes_after_the_end(case, monkeypatch):
    """One episode is made to end in its fifth step; some of the others may end by themselves."""
    env, steps = make_batch(case), itertools.count(1)
    advance = env.unwrapped._advance

    def end_early(actions, running):
        rewards, terminated = advance(actions, running)
        return rewards, terminated | (mask_of(3) & (next(steps) == 5))

    monkeypatch.setattr(env.unwrapped, "_advance", end_early)
    env.set_tasks(some_tasks(env, 3))
    policy = make_policy(env.single_observation_space, env.single_action_space, PolicyConfig(hidden_sizes=(4,)))
    device = torch.device("cpu")
    randomness = Randomness.from_seed(0, device)
    sampler = Sampler([env], policy, SamplingConfig(env.num_envs // 3), device)
    rollouts = sampler.sample(policy.init(randomness.generator), randomness)
    lengths = rollouts.mask.sum(dim=2)
    assert lengths[1, 1] == 5
    assert lengths.max() == HORIZON
    assert rollouts.transitions == lengths.sum()
    assert (rollouts.mask.diff(dim=2) <= 0).all()
    over = rollouts.mask == 0
    assert not rollouts.rewards[over].any()
    assert not rollouts.observations[over].any()


@every_case
def test_what_a_family_returns_for_finished_episodes_is_ignored(case, monkeypatch):
    env, twin = make_batch(case), make_batch(case)
    family = twin.unwrapped
    advance = family._advance

    def advance_with_garbage(actions, running):
        rewards, terminated = advance(actions, running)
        return np.where(running, rewards, 99.0), np.where(running, terminated, ~family._terminated)

    monkeypatch.setattr(family, "_advance", advance_with_garbage)
    env.reset(seed=0)
    twin.reset(seed=0)
    actions = sample_actions(env, 2 * HORIZON)
    assert_same(record(env, actions), record(twin, actions))


@every_case
@pytest.mark.parametrize("garbage", [None, 1e6, np.inf, np.nan])
def test_actions_of_finished_episodes_are_ignored(case, garbage):
    env, twin = make_batch(case), make_batch(case)
    if garbage is not None and not isinstance(env.single_action_space, Box):
        pytest.skip("the actions are discrete")
    restarted = mask_of(0, 2, 3)
    for each in (env, twin):
        each.reset(seed=0)
        record(each, sample_actions(each))
        each.reset(seed=1, options={"reset_mask": restarted})
    actions, others = sample_actions(env, seed=1), sample_actions(env, seed=2)
    for other, action in zip(others, actions, strict=True):
        if garbage is not None:
            other[:] = garbage
        other[restarted] = action[restarted]
    assert_same(record(env, actions), record(twin, others))


@every_case
def test_reset_mask_restarts_only_the_chosen_episodes(case):
    env = make_batch(case)
    env.reset(seed=0)
    observations, _, terminated, _ = record(env, sample_actions(env))
    tasks = env.tasks.copy()
    chosen = mask_of(1, 4)
    restarted, _ = env.reset(options={"reset_mask": chosen})
    np.testing.assert_array_equal(restarted[~chosen], observations[-1][~chosen])
    assert case.id == BANDIT or not np.array_equal(restarted[chosen], observations[-1][chosen])
    np.testing.assert_array_equal(env.tasks[~chosen], tasks[~chosen])

    later, rewards, later_terminated, later_truncated = record(env, sample_actions(env, seed=1))
    np.testing.assert_array_equal(rewards[:, ~chosen], 0.0)
    np.testing.assert_array_equal(later[-1][~chosen], observations[-1][~chosen])
    assert rewards[:, chosen].any() if case.id == BANDIT else rewards[0, chosen].all()
    assert not later_truncated[:-1, chosen].any()
    assert (later_terminated | later_truncated)[-1].all()
    np.testing.assert_array_equal(later_terminated[-1][~chosen], terminated[-1][~chosen])


@every_case
def test_reset_mask_leaves_the_clock_of_running_episodes_alone(case):
    env, early = make_batch(case), HORIZON // 4
    env.reset(seed=0)
    actions = sample_actions(env)
    _, _, terminated, _ = record(env, actions[:early])
    chosen = mask_of(0, 5)
    env.reset(options={"reset_mask": chosen})
    _, _, terminated, truncated = record(env, actions[early:])
    np.testing.assert_array_equal(truncated[-1], ~chosen & ~terminated[-1])


@every_case
def test_what_a_task_draws_depends_on_its_seed_alone(case):
    env = make_batch(case)
    env.set_tasks(some_tasks(env, 2))
    assert env.takes_task_seeds
    half, actions = env.num_envs // 2, sample_actions(env)
    runs = []
    for seeds in ([3, 4], [5, 4], [4, 3]):
        start, _ = env.reset(seed=seeds)
        runs.append((start, record(env, actions)[0]))
    for one, other, others in zip(*runs, strict=True):
        np.testing.assert_array_equal(one[..., half:, :], other[..., half:, :])
        changes = not np.array_equal(one[..., :half, :], other[..., :half, :])
        assert changes == (not np.array_equal(one[..., :half, :], others[..., :half, :]))


@every_case
def test_masks_restart_with_the_streams_of_the_tasks(case):
    starts = []
    for partner in (3, 9):
        env = make_batch(case)
        env.set_tasks(some_tasks(env, 2))
        env.reset(seed=[partner, 4])
        starts.append(env.reset(options={"reset_mask": np.arange(env.num_envs) % 2 == 1})[0][env.num_envs // 2 :])
    np.testing.assert_array_equal(*starts)


@pytest.mark.parametrize(
    ("seeds", "fault"),
    [([], "0 seeds"), ([1, 2, 3, 4, 5], "5 seeds"), ([1, -1], "at least 0"), ([0.5, 1], "whole numbers")],
)
def test_seeds_that_fit_no_tasks_are_refused(seeds, fault):
    env = Navigation2DVectorEnv(4)
    with pytest.raises(ValueError, match=fault):
        env.reset(seed=seeds)
