"""The checks of task environments: all families pass them, and each finds what it looks for."""

import numpy as np
import pytest
from env_cases import every_case, make_batch
from fake_envs import FakeEnv
from ordinary_envs import Maml, Point

import mamlrl
from mamlrl.envs.gymnasium_adapter import GymnasiumFamily, task_env
from mamlrl.errors import UserError
from mamlrl.sampling.conformance import CHECKS, check_task_env, problem_of


@every_case
def test_all_families_pass(case):
    check_task_env(make_batch(case))


@pytest.mark.parametrize("workers", [0, 2])
def test_ordinary_environments_pass(workers):
    points = task_env(
        Point,
        lambda rng, num_tasks: rng.uniform(-1, 1, (num_tasks, 2)),
        lambda env, task: setattr(env, "goal", task),
    )
    own = GymnasiumFamily(Maml, "Maml")
    for family in (points, own):
        env = family(5, horizon=12, workers=workers)
        check_task_env(env)
        env.close()


class Right(FakeEnv):
    """Keeps all promises; subclasses break one."""

    def __init__(self, num_envs=4, **kwargs):
        super().__init__(num_envs, horizon=6)


class Dealt(Right):
    drawn = 0

    def sample_tasks(self, rng, num_tasks):
        Dealt.drawn += 1
        return np.full((num_tasks, 2), Dealt.drawn / 1000)


class Outside(Right):
    def sample_tasks(self, rng, num_tasks):
        return rng.uniform(5, 6, (num_tasks, 2))

    def set_tasks(self, tasks):
        super().set_tasks(np.clip(tasks, -1, 1))


class Forgetful(Right):
    def reset(self, *, seed=None, options=None):
        self._tasks_are_set = False
        return super().reset(seed=seed, options=options)


class Lenient(Right):
    def set_tasks(self, tasks):
        super().set_tasks(np.nan_to_num(tasks))


class Infinite(Right):
    def _observe(self):
        return np.where(self._elapsed[:, None] == 3, np.inf, self.points)


class Narrow(Right):
    def _observe(self):
        return self.points[:, :1]


class Endless(Right):
    def step(self, actions):
        observations, rewards, terminated, truncated, info = super().step(actions)
        return observations, rewards, terminated, truncated & False, info


class Late(Right):
    def step(self, actions):
        *parts, truncated, info = super().step(actions)
        self.steps = 0 if self._elapsed[0] == 1 else self.steps + 1
        return *parts, truncated & (self.steps > 6), info


class Brief(Right):
    def _advance(self, actions, running):
        return super()._advance(actions, running)[0], np.ones(self.num_envs, np.bool_)


class Restless(Right):
    def _observe(self):
        return self.points + np.random.default_rng(self._elapsed[0] + self._later).random(self.points.shape)

    _later = 0

    def step(self, actions):
        self._later += 1
        return super().step(actions)


class Paying(Right):
    def step(self, actions):
        observations, _, *others = super().step(actions)
        return observations, np.ones(self.num_envs), *others


class Unseeded(Right):
    def _start(self, chosen):
        self.points[chosen] = np.random.default_rng().random((chosen.sum(), 2))


class Tracing(Right):
    """What an episode left behind shows in the next one."""

    trace = 0.0

    def _start(self, chosen):
        super()._start(chosen)
        self.points[chosen] += self.trace

    def _advance(self, actions, running):
        self.trace += abs(float(actions[0, 0]))
        return super()._advance(actions, running)


class Crowd(Right):
    def _advance(self, actions, running):
        rewards, terminated = super()._advance(actions, running)
        return rewards + actions.mean(), terminated


class Careless(Right):
    def _start(self, chosen):
        super()._start(np.ones(self.num_envs, np.bool_))
        self.points += self.np_random.random(self.points.shape)


class Unmasked(Right):
    def reset(self, *, seed=None, options=None):
        return super().reset(seed=seed)


class Deaf(Right):
    def reset(self, *, seed=None, options=None):
        return (self._observe(), {}) if options else super().reset(seed=seed)


BROKEN = {
    Dealt: "_tasks_are_drawn",
    Outside: "_tasks_are_drawn",
    Forgetful: "_tasks_are_set",
    Lenient: "_unfit_tasks_are_refused",
    Infinite: "_numbers_are_finite",
    Narrow: "_numbers_are_finite",
    Endless: "_the_horizon_ends_episodes",
    Late: "_the_horizon_ends_episodes",
    Brief: "_the_horizon_ends_episodes",
    Restless: "_finished_episodes_rest",
    Paying: "_finished_episodes_rest",
    Unseeded: "_a_seed_determines_episodes",
    Tracing: "_a_seed_determines_episodes",
    Crowd: "_episodes_are_independent",
    Careless: "_masks_restart",
    Unmasked: "_masks_restart",
    Deaf: "_masks_restart",
}


@pytest.mark.parametrize("env_class", BROKEN, ids=lambda env_class: env_class.__name__)
def test_each_check_finds_what_it_looks_for(env_class):
    found = [check.__name__ for promise, check in CHECKS.items() if problem_of(promise, env_class())]
    assert BROKEN[env_class] in found
    with pytest.raises(
        UserError, match=f"^environment {env_class.__name__} breaks the promise that [^\n]*: [^\n]+$"
    ):
        mamlrl.check_task_env(env_class())


def test_every_check_has_something_to_find():
    assert {check.__name__ for check in CHECKS.values()} == set(BROKEN.values())
    check_task_env(Right())


@pytest.mark.parametrize("env", [3, Point(), Right(1)], ids=lambda env: type(env).__name__)
def test_what_cannot_be_checked(env):
    with pytest.raises(UserError, match=r"^env must (be a task environment|have 2 sub-environments)"):
        check_task_env(env)
