"""Several groups of tasks, each with an environment."""

import threading

import gymnasium
import numpy as np
import pytest
import torch
from samplers import (
    CPU,
    ENV_ID,
    EPISODES,
    FIELDS,
    KWARGS,
    TASKS,
    ClockEnv,
    init,
    make_env,
    make_sampler,
    randomness,
    sample,
)

from mamlrl.errors import NonFiniteError
from mamlrl.networks.build import PolicyConfig, make_policy
from mamlrl.sampling.sampler import Sampler
from mamlrl.sampling.settings import SamplingConfig


def group_of_fakes(*envs):
    """A sampler with an environment a group, three episodes a task."""
    policy = make_policy(envs[0].single_observation_space, envs[0].single_action_space, PolicyConfig((4,)))
    return Sampler(envs, policy, SamplingConfig(3), CPU)


@pytest.mark.parametrize("unit", ["episodes", "transitions"])
@pytest.mark.parametrize("sizes", [(1, 2), (2, 1), (1, 1, 1)])
def test_groups_sample_what_one_environment_does(sizes, unit):
    """A task has streams of its own: which group it is in does not matter."""
    assert_groups_sample_the_same(sizes, ENV_ID, unit, KWARGS)


@pytest.mark.parametrize("env_id", ["mamlrl/HalfCheetahVelocity-v0", "mamlrl/AntGoal-v0"])
def test_groups_start_from_the_states_of_one_environment(env_id):
    assert_groups_sample_the_same((1, 2), env_id, "episodes", {"horizon": 3})


def assert_groups_sample_the_same(sizes, env_id, unit, kwargs):
    whole = make_sampler(make_env(env_id=env_id, **kwargs), unit=unit)
    envs = [gymnasium.make_vec(env_id, num_envs=size * EPISODES, **kwargs) for size in sizes]
    grouped = Sampler(envs, whole.policy, SamplingConfig(EPISODES, unit=unit), CPU)
    assert grouped.num_tasks == TASKS
    grouped.set_tasks(whole.groups[0].env.tasks[::EPISODES])
    params = torch.stack([init(whole, seed) for seed in range(TASKS)])
    expected, rollouts = (sampler.sample(params, randomness()) for sampler in (whole, grouped))
    for name in FIELDS:
        torch.testing.assert_close(getattr(rollouts, name), getattr(expected, name), rtol=0, atol=1e-12)
    shared = [sampler.sample(params[0], randomness()).actions for sampler in (whole, grouped)]
    torch.testing.assert_close(*shared, rtol=0, atol=1e-12)


def test_groups_may_take_different_times():
    sampler = group_of_fakes(ClockEnv(3, lengths=[1, 2, 2]), ClockEnv(6, lengths=[3, 1, 1, 1, 4, 1]))
    rollouts = sample(sampler)
    assert rollouts.mask.sum(dim=2).tolist() == [[1, 2, 2], [3, 1, 1], [1, 4, 1]]
    assert rollouts.rewards[2, 1].tolist() == [0, 1, 2, 3]


def test_tasks_are_drawn_and_set_for_all_groups():
    envs = ClockEnv(3), ClockEnv(6)
    sampler = group_of_fakes(*envs)
    tasks = sampler.sample_tasks(np.random.default_rng(0))
    assert tasks.shape == (3, 1)
    sampler.set_tasks(tasks)
    assert envs[0].tasks[:, 0].tolist() == [tasks[0, 0]] * 3
    assert envs[1].tasks[:, 0].tolist() == [tasks[1, 0]] * 3 + [tasks[2, 0]] * 3


def test_groups_start_from_different_seeds():
    envs = [gymnasium.make_vec(ENV_ID, num_envs=3, **KWARGS) for _ in range(2)]  # sample tasks in each reset
    sample(group_of_fakes(*envs))
    assert not np.isclose(envs[0].tasks, envs[1].tasks).any()


def test_groups_step_at_the_same_time(monkeypatch):
    both_are_stepping = threading.Barrier(2, timeout=60)
    advance = ClockEnv._advance

    def wait_for_the_other(env, actions, running):
        both_are_stepping.wait()
        return advance(env, actions, running)

    monkeypatch.setattr(ClockEnv, "_advance", wait_for_the_other)
    assert sample(group_of_fakes(ClockEnv(3, horizon=4), ClockEnv(3, horizon=4))).transitions == 2 * 3 * 4


def test_non_finite_numbers_are_reported_by_the_number_of_the_task_in_all_groups():
    sampler = group_of_fakes(ClockEnv(3), ClockEnv(6, spoilt=[("reward", 4, 2)]))
    with pytest.raises(NonFiniteError, match=r"task 2 .*episode 1, step 2"):
        sample(sampler)


def test_diverged_simulations_of_all_groups_are_counted():
    envs = ClockEnv(3), ClockEnv(6)
    sampler = group_of_fakes(*envs)
    for env in envs:
        env._start = lambda chosen, env=env: (setattr(env, "time", 0), env.diverged.__setitem__(1, True))
    sample(sampler)
    assert sampler.diverged == 2
