"""Rollouts of a sampler: their axes, where they come from, and their randomness."""

import contextlib

import gymnasium
import numpy as np
import pytest
import torch
from gymnasium.spaces import Box, Discrete
from samplers import (
    CPU,
    ENV_ID,
    EPISODES,
    FIELDS,
    KWARGS,
    TASKS,
    ClockEnv,
    ScriptedPolicy,
    init,
    make_env,
    make_sampler,
    randomness,
    sample,
    sample_fake,
)

from mamlrl.errors import NonFiniteError
from mamlrl.sampling.sampler import Sampler
from mamlrl.sampling.settings import SamplingConfig


def in_bounds(actions, space):
    return np.clip(space.low + (actions + 1) / 2 * (space.high - space.low), space.low, space.high)


def test_axes_are_task_episode_time_feature():
    rollouts = sample(make_sampler(make_env()))
    time = rollouts.mask.shape[2]
    assert rollouts.observations.shape == (TASKS, EPISODES, time, 2)
    assert rollouts.actions.shape == (TASKS, EPISODES, time, 2)
    assert rollouts.rewards.shape == rollouts.mask.shape == (TASKS, EPISODES, time)
    assert rollouts.outputs.shape == (TASKS, EPISODES, time, 4)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_policy_data_have_the_parameters_precision_and_rewards_are_double(dtype):
    sampler = make_sampler(make_env())
    rollouts = sample(sampler, init(sampler, dtype=dtype))
    assert rollouts.observations.dtype == rollouts.actions.dtype == rollouts.outputs.dtype == dtype
    assert rollouts.rewards.dtype == rollouts.mask.dtype == torch.float64
    assert not any(getattr(rollouts, name).requires_grad for name in FIELDS)


def test_batched_rollouts_equal_the_same_episodes_run_one_by_one():
    env = make_env()
    rollouts = sample(make_sampler(env))
    lengths = rollouts.mask.sum(dim=2).int()
    assert lengths.min() < env.horizon  # some end early, so that the mask matters
    for task in range(TASKS):
        for episode in range(EPISODES):
            single = gymnasium.make(ENV_ID, **KWARGS).unwrapped
            single.set_task(env.tasks[task * EPISODES])
            observation, _ = single.reset(seed=0)
            actions = in_bounds(rollouts.actions[task, episode].numpy(), env.single_action_space)
            ended = False
            for time, action in enumerate(actions):
                assert rollouts.mask[task, episode, time] == (not ended)
                expected = 0.0
                if not ended:
                    np.testing.assert_allclose(rollouts.observations[task, episode, time], observation, atol=1e-12)
                    observation, expected, terminated, truncated, _ = single.step(action)
                    ended = terminated or truncated
                assert float(rollouts.rewards[task, episode, time]) == pytest.approx(expected, abs=1e-12)
            assert ended


def test_every_sub_environment_lands_at_its_task_and_episode():
    env = ClockEnv(num_envs=6, horizon=8, lengths=[1, 2, 3, 4, 5, 6])
    rollouts = sample_fake(env, num_tasks=2)
    assert rollouts.mask.sum(dim=2).tolist() == [[1, 2, 3], [4, 5, 6]]
    assert rollouts.rewards[1, 2].tolist() == [0, 1, 2, 3, 4, 5]
    assert rollouts.rewards[0, 1].tolist() == [0, 1, 0, 0, 0, 0]
    assert rollouts.observations[1, 2, :, 0].tolist() == [0, 1, 2, 3, 4, 5]
    assert rollouts.transitions == 21
    torch.testing.assert_close(
        rollouts.task_returns(), torch.tensor([(0 + 1 + 3) / 3, (6 + 10 + 15) / 3], dtype=torch.float64)
    )


def test_time_is_as_long_as_the_longest_episode():
    assert sample_fake(ClockEnv(horizon=8, lengths=[3, 1, 2, 2, 2, 2])).mask.shape[2] == 3
    assert sample_fake(ClockEnv(horizon=8)).mask.shape[2] == 8


def test_rewards_sum_to_the_returns_of_the_environment():
    env = make_env()
    rollouts = sample(make_sampler(env))
    positions = rollouts.observations.numpy() + in_bounds(rollouts.actions.numpy(), env.single_action_space)
    goals = env.tasks[::EPISODES][:, None, None]
    rewards = -np.linalg.norm(positions - goals, axis=-1) * rollouts.mask.numpy()
    returns = rewards.sum(axis=2).mean(axis=1)
    np.testing.assert_allclose(rollouts.task_returns().numpy(), returns, atol=1e-10)
    assert rollouts.transitions == int(rollouts.mask.sum())


@pytest.mark.parametrize("each_task_its_own", [False, True])
def test_outputs_are_the_policys_at_the_recorded_observations(each_task_its_own):
    sampler = make_sampler(make_env())
    params = init(sampler)
    if each_task_its_own:
        params = torch.stack([init(sampler, seed) for seed in range(TASKS)])
    rollouts = sample(sampler, params)
    for task in range(TASKS):
        own = params[task] if each_task_its_own else params
        outputs = sampler.policy(own, rollouts.observations[task])
        torch.testing.assert_close(rollouts.outputs[task], outputs, rtol=0, atol=1e-12)


def test_actions_scatter_around_the_outputs_as_the_distribution_says():
    sampler = make_sampler(make_env(episodes=200))
    rollouts = sample(sampler)
    mean, log_std = rollouts.outputs.chunk(2, dim=-1)
    noise = (rollouts.actions - mean) / log_std.exp()
    assert float(noise.mean()) == pytest.approx(0.0, abs=0.02)
    assert float(noise.std()) == pytest.approx(1.0, abs=0.02)


@pytest.mark.parametrize("spoilt", [None, [("reward", 0, 3)]])
def test_torch_has_one_thread_while_sampling_and_its_own_number_again_afterwards(spoilt, monkeypatch):
    numbers = []
    advance = ClockEnv._advance

    def count_threads(env, actions, running):
        numbers.append(torch.get_num_threads())
        return advance(env, actions, running)

    monkeypatch.setattr(ClockEnv, "_advance", count_threads)
    before = torch.get_num_threads()
    torch.set_num_threads(3)
    try:
        with pytest.raises(NonFiniteError) if spoilt else contextlib.nullcontext():
            sample_fake(ClockEnv(spoilt=spoilt))
        assert torch.get_num_threads() == 3
    finally:
        torch.set_num_threads(before)
    assert set(numbers) == {1}


@pytest.mark.parametrize("unit", ["episodes", "transitions"])
def test_same_seeds_give_identical_rollouts(unit):
    first, second = (sample(make_sampler(make_env(), unit=unit)) for _ in range(2))
    for name in FIELDS:
        assert torch.equal(getattr(first, name), getattr(second, name))


def test_rollouts_depend_on_both_generators_and_leave_the_global_ones_alone():
    def of_fresh_tasks(**seeds):
        env = gymnasium.make_vec(ENV_ID, num_envs=TASKS * EPISODES, **KWARGS)  # samples tasks in each reset
        return sample(make_sampler(env), **seeds)

    torch.manual_seed(0)
    first = of_fresh_tasks(seed=0)
    torch.manual_seed(1)
    again = of_fresh_tasks(seed=0)
    assert torch.equal(first.rewards, again.rewards)
    other_env, other_actions = of_fresh_tasks(seed=1, actions_seed=0), of_fresh_tasks(seed=0, actions_seed=1)
    assert torch.equal(first.actions[:, :, 0], other_env.actions[:, :, 0])
    assert not torch.equal(first.rewards[:, :, 0], other_env.rewards[:, :, 0])
    assert not torch.equal(first.actions[:, :, 0], other_actions.actions[:, :, 0])


def test_successive_samples_differ():
    sampler, source = make_sampler(make_env()), randomness()
    first = sampler.sample(init(sampler), source)
    second = sampler.sample(init(sampler), source)
    assert not torch.equal(first.actions[:, :, 0], second.actions[:, :, 0])


def test_watchers_are_told_of_every_reset_and_step():
    env, told = ClockEnv(num_envs=2, lengths=[1, 3]), []
    policy = ScriptedPolicy(torch.zeros(2, 1, 2))

    def watch(rewards, running):
        told.append((env.time, rewards.tolist(), running.tolist()))

    Sampler([env], policy, SamplingConfig(1), CPU, watch).sample(torch.zeros(1), randomness())
    assert told == [
        (0, [0, 0], [True, True]),
        (1, [0, 0], [False, True]),
        (2, [0, 1], [False, True]),
        (3, [0, 2], [False, False]),
    ]


@pytest.mark.parametrize("space", [Box(-1.0, 1.0, (2,)), Discrete(5)], ids=str)
def test_deterministic_actions_are_the_most_likely_ones(space):
    sampler = make_sampler(ClockEnv(action_space=space), 2)
    params = init(sampler)
    distribution = sampler.policy.distribution
    rollouts = sampler.sample(params, randomness(), deterministic=True)
    best = distribution.log_prob(rollouts.outputs, rollouts.actions)
    for seed in range(3):
        random = sampler.sample(params, randomness(seed))
        assert torch.equal(random.observations, rollouts.observations)
        assert (distribution.log_prob(rollouts.outputs, random.actions) <= best).all()
        assert not torch.equal(random.actions, rollouts.actions)
    again = sampler.sample(params, randomness(1), deterministic=True)
    assert torch.equal(again.actions, rollouts.actions)


def test_the_randomness_that_follows_does_not_depend_on_whether_actions_are_drawn():
    sampler = make_sampler(make_env())
    states = []
    for deterministic in (False, True):
        chance = randomness()
        sampler.sample(init(sampler), chance, deterministic)
        states.append(sampler.sample(init(sampler), chance).actions)
    assert torch.equal(*states)
