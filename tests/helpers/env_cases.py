"""Every registered id with each of its families and wrappers, and how the conformance tests drive them."""

from typing import NamedTuple

import gymnasium
import numpy as np
import pytest
from gymnasium.envs.registration import load_env_creator

from mamlrl import envs
from mamlrl.envs.wrappers.build import WRAPPERS

HORIZON = 20
NUM_ENVS = 6


class Case(NamedTuple):
    """A registered id, the family of papers where it has several, and the wrapper around it where there is one."""

    id: str
    kwargs: dict[str, str]
    wrapper: str = ""

    @property
    def short_name(self):
        return self.id.removeprefix(f"{envs.NAMESPACE}/").removesuffix("-v0")

    def __str__(self):
        return " ".join([self.id.removeprefix(f"{envs.NAMESPACE}/"), *self.kwargs.values(), self.wrapper]).strip()


BANDIT = f"{envs.NAMESPACE}/Bandit-v0"  # the observations never change, and rewards may be 0
METAWORLD = f"{envs.NAMESPACE}/MetaWorld-v0"  # has tests of its own, since it needs an extra and arguments
IDS = sorted(name for name in gymnasium.registry if name.startswith(f"{envs.NAMESPACE}/") and name != METAWORLD)


def families():
    for name in IDS:
        env_class = load_env_creator(gymnasium.spec(name).vector_entry_point)
        several = [{"family": family} for family in getattr(env_class, "bodies", [])]
        yield from (Case(name, kwargs) for kwargs in several or [{}])


FAMILIES = list(families())
WRAPPED = [Case(name, {}, wrapper) for name in IDS for wrapper in WRAPPERS]
every_family = pytest.mark.parametrize("case", FAMILIES, ids=str)
every_case = pytest.mark.parametrize("case", [*FAMILIES, *WRAPPED], ids=str)


def make_batch(case, num_envs=NUM_ENVS, **kwargs):
    env = gymnasium.make_vec(case.id, num_envs=num_envs, **{"horizon": HORIZON, **case.kwargs, **kwargs})
    return WRAPPERS[case.wrapper](env) if case.wrapper else env


def make_single(case, **kwargs):
    """Makes the ordinary environment of an id, which has no wrapper."""
    return gymnasium.make(case.id, **{"horizon": HORIZON, **case.kwargs, **kwargs}).unwrapped


def sample_actions(env, steps=HORIZON, seed=0):
    env.action_space.seed(seed)
    return [env.action_space.sample() for _ in range(steps)]


def record(env, actions):
    """Steps through the actions: observations, rewards, terminations and truncations over time."""
    steps = [env.step(action)[:4] for action in actions]
    return [np.array(parts) for parts in zip(*steps, strict=True)]


def assert_same(first, second):
    for one, other in zip(first, second, strict=True):
        np.testing.assert_array_equal(one, other)


def mask_of(*indices):
    return np.isin(np.arange(NUM_ENVS), indices)


def some_tasks(env, num_tasks, seed=0):
    return env.sample_tasks(np.random.default_rng(seed), num_tasks)
