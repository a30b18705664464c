"""Samplers of 2D navigation, and of an environment and a policy that do as they are told."""

from dataclasses import fields

import gymnasium
import numpy as np
import torch
from gymnasium.spaces import Box

from mamlrl import envs
from mamlrl.networks.build import PolicyConfig, make_policy
from mamlrl.randomness import Randomness
from mamlrl.sampling.budgets import shared_budget
from mamlrl.sampling.rollouts import WITHOUT_TIME, Rollouts, tensors_of
from mamlrl.sampling.sampler import Sampler
from mamlrl.sampling.settings import SamplingConfig

ENV_ID = "mamlrl/Navigation2D-v0"
KWARGS = {"goal_range": 0.04, "horizon": 30}  # goals so close that some episodes end early
TASKS, EPISODES = 3, 5
CPU = torch.device("cpu")
FIELDS = [field.name for field in fields(Rollouts) if field.name not in WITHOUT_TIME]  # of every step


class ClockEnv(envs.TaskVectorEnv):
    """Observes the time; pays it too; ends when told; yields a given number once; remembers its actions."""

    def __init__(self, num_envs=6, horizon=8, lengths=None, action_space=None, spoilt=None, value=np.nan):
        box = Box(-np.inf, np.inf, (2,))
        action_space = Box(-1.0, 1.0, (2,)) if action_space is None else action_space
        super().__init__(num_envs, box, action_space, Box(0.0, 9.0, (1,)), horizon)
        self.lengths = np.full(num_envs, horizon + 1) if lengths is None else np.asarray(lengths)
        self.spoilt, self.value = spoilt, value
        self.received = []

    def sample_tasks(self, rng, num_tasks):
        return rng.uniform(0, 9, (num_tasks, 1))

    def _start(self, chosen):
        self.time = 0

    def _advance(self, actions, running):
        self.received.append(actions.copy())
        rewards = self._spoil("reward", np.full(self.num_envs, float(self.time)))
        self.time += 1
        return rewards, self.time >= self.lengths

    def _observe(self):
        return self._spoil("observation", np.full((self.num_envs, 2), float(self.time)))

    def _draw(self, index):
        return np.zeros((4, 4, 3), np.uint8)

    def _spoil(self, what, array):
        for kind, index, time in self.spoilt or ():
            if (kind, time) == (what, self.time):
                array[index] = self.value
        return array


class ScriptedPolicy:
    """Always answers with the same actions."""

    def __init__(self, actions):
        self.actions = actions
        self.distribution = self

    def bind(self, params):
        return lambda observations: observations

    def noise(self, shape, generator, dtype):
        return torch.zeros(shape, dtype=dtype)

    def sample(self, outputs, noise):
        return self.actions


def make_env(num_tasks=TASKS, episodes=EPISODES, env_id=ENV_ID, **kwargs):
    defaults = KWARGS if env_id == ENV_ID else {}
    env = gymnasium.make_vec(env_id, num_envs=num_tasks * episodes, **(defaults | kwargs))
    env.set_tasks(env.sample_tasks(np.random.default_rng(7), num_tasks))
    return env


def make_sampler(env, num_tasks=TASKS, policy=None, budget=shared_budget, **config):
    settings = PolicyConfig(hidden_sizes=(8,), initial_std=0.3)
    policy = policy or make_policy(env.single_observation_space, env.single_action_space, settings)
    return Sampler([env], policy, SamplingConfig(env.num_envs // num_tasks, **config), CPU, budget=budget)


def randomness(seed=0, actions_seed=None):
    actions_seed = seed if actions_seed is None else actions_seed
    return Randomness(np.random.default_rng(seed), torch.Generator().manual_seed(actions_seed))


def init(sampler, seed=0, dtype=torch.float64):
    return sampler.policy.init(torch.Generator().manual_seed(seed), dtype)


def sample(sampler, params=None, **seeds):
    return sampler.sample(init(sampler) if params is None else params, randomness(**seeds))


def sample_fake(env, num_tasks=2, unit="episodes", actions=None):
    shape = (num_tasks, env.num_envs // num_tasks, *env.single_action_space.shape)
    policy = ScriptedPolicy(torch.zeros(shape) if actions is None else actions)
    sampler = make_sampler(env, num_tasks, policy, unit=unit)
    return sampler.sample(torch.zeros(1, dtype=torch.float64), randomness())


def assert_close(first, second):
    """Asserts that rollouts are the same but for rounding."""
    first, second = tensors_of(first), tensors_of(second)
    assert first.keys() == second.keys()
    for name, values in first.items():
        torch.testing.assert_close(values, second[name], rtol=1e-9, atol=1e-9, msg=name)
