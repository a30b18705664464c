"""Environments that use their arrays again, or write into those that they are given."""

import numpy as np
import pytest
import torch
from fake_envs import FakeEnv
from samplers import FIELDS, ScriptedPolicy, make_sampler, randomness, sample

from mamlrl.envs import TaskVectorEnv

TASKS = np.array([[0.5, 0.25], [-0.5, -0.25]])
LENGTHS = np.array([2, 6, 6, 6])


class EndingEnv(FakeEnv):
    """One of its episodes ends early."""

    def __init__(self, num_envs=4, **kwargs):
        super().__init__(num_envs, horizon=6, **kwargs)

    def _advance(self, actions, running):
        rewards, _ = super()._advance(actions, running)
        return rewards, self._elapsed + 1 >= LENGTHS


class ThriftyEnv(EndingEnv):
    """Always returns the same arrays, of Gymnasium's usual type, and writes into whatever it gets."""

    def __init__(self, num_envs=4, dtype=np.float32, **kwargs):
        super().__init__(num_envs, **kwargs)
        self.dtype = dtype
        self.buffers = {}

    def _same(self, name, values, dtype=None):
        values = np.asarray(values)
        buffer = self.buffers.setdefault(name, np.zeros(values.shape, dtype or values.dtype))
        buffer[...] = values
        return buffer

    def sample_tasks(self, rng, num_tasks):
        return self._same("tasks", super().sample_tasks(rng, num_tasks))

    def set_tasks(self, tasks):
        super().set_tasks(tasks)
        tasks[...] = 9

    def reset(self, **kwargs):
        observations, info = TaskVectorEnv.reset(self, **kwargs)
        return self._same("observations", observations, self.dtype), info

    def step(self, actions):
        given, actions = actions, np.array(actions)
        observations, rewards, terminated, truncated, info = TaskVectorEnv.step(self, actions)
        np.clip(given, -0.1, 0.1, out=given)
        assert np.array_equal(self.buffers["observations"], self.last)
        self.last = self._same("observations", observations, self.dtype).copy()
        return (
            self.buffers["observations"],
            self._same("rewards", rewards),
            self._same("terminated", terminated),
            self._same("truncated", truncated),
            info,
        )

    def _start(self, chosen):
        super()._start(chosen)
        self.last = np.zeros((self.num_envs, 2), self.dtype)


@pytest.mark.parametrize("rescale", [True, False])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("env_dtype", [np.float32, np.float64])
def test_episodes_do_not_depend_on_whose_memory_they_came_in(env_dtype, dtype, rescale):
    rollouts = []
    for env in (EndingEnv(), ThriftyEnv(dtype=env_dtype)):
        sampler = make_sampler(env, 2, rescale_actions=rescale)
        sampler.set_tasks(TASKS.copy())
        rollouts.append(sample(sampler, sampler.policy.init(torch.Generator().manual_seed(1), dtype)))
    for name in FIELDS:
        own, shared = (getattr(each, name) for each in rollouts)
        torch.testing.assert_close(own, shared, rtol=0, atol=1e-6, msg=name)
    assert rollouts[1].observations[:, :, 1:3].std(dim=2).min() > 0


def test_an_environment_does_not_write_into_tasks_that_others_hold():
    env = ThriftyEnv()
    sampler = make_sampler(env, 2)
    first = sampler.sample_tasks(np.random.default_rng(0))
    kept = first.copy()
    sampler.sample_test_tasks(np.random.default_rng(1))
    sampler.set_tasks(first)
    np.testing.assert_array_equal(first, kept)
    np.testing.assert_array_equal(env.tasks[::2], kept)


def test_a_watcher_keeps_the_rewards_it_is_given():
    seen = []
    env = ThriftyEnv()
    sampler = make_sampler(env, 2)
    sampler.groups[0]._watch = lambda rewards, running: seen.append(rewards)
    rollouts = sample(sampler)
    np.testing.assert_allclose(np.stack(seen[1:], axis=-1), rollouts.rewards.flatten(0, 1))


def big_endian(array):
    return array.astype(array.dtype.newbyteorder(">"))


def read_only(array):
    array.flags.writeable = False
    return array


@pytest.mark.parametrize(
    "shape_memory",
    [
        lambda x: x[::-1].copy()[::-1],
        np.asfortranarray,
        lambda x: x.astype(np.float32),
        lambda x: x.astype(np.float16),
        lambda x: x.astype(np.longdouble),
        lambda x: x.astype(np.int8),
        lambda x: x.astype(np.uint16),
        lambda x: np.broadcast_to(x[:1], x.shape),
        lambda x: x.tolist(),
        torch.from_numpy,
        big_endian,
        read_only,
    ],
)
def test_numbers_may_lie_in_memory_as_they_like(shape_memory):
    class OtherEnv(FakeEnv):
        def _observe(self):
            return shape_memory(np.full((4, 2), 1 + self._elapsed[0], np.float64))

    env = OtherEnv(4)
    policy = ScriptedPolicy(torch.zeros(2, 2, 2))
    rollouts = make_sampler(env, 2, policy).sample(torch.zeros(1), randomness())
    np.testing.assert_array_equal(rollouts.observations[1, 1, :, 0], np.arange(1, 11))


def test_observations_may_be_booleans():
    class SwitchEnv(FakeEnv):
        def _observe(self):
            return np.full((4, 2), self._elapsed[0] > 1)

    rollouts = make_sampler(SwitchEnv(4), 2, ScriptedPolicy(torch.zeros(2, 2, 2))).sample(
        torch.zeros(1), randomness()
    )
    np.testing.assert_array_equal(rollouts.observations[1, 1, :, 0], np.arange(10) > 1)
