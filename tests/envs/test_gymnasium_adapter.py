"""Ordinary environments as task families: episodes are those of the environment itself, run one by one."""

from dataclasses import replace

import gymnasium
import numpy as np
import pytest
import torch
from gymnasium.spaces import Dict
from ordinary_envs import Point
from samplers import randomness

from mamlrl.envs.gymnasium_adapter import task_env
from mamlrl.errors import UserError
from mamlrl.networks.build import PolicyConfig, make_policy
from mamlrl.sampling.build import EnvConfig, make_task_env
from mamlrl.sampling.sampler import Sampler
from mamlrl.sampling.settings import SamplingConfig

CARTPOLE = EnvConfig(
    "CartPole-v1",
    {"horizon": 60},
    {
        "length": {"uniform": [0.25, 1.0]},
        "gravity": {"log_uniform": [5, 20]},
        "force_mag": {"choice": [-10, 10]},
    },
)
PENDULUM = EnvConfig(
    "Pendulum-v1", {"horizon": 7}, {"make.g": {"uniform": [5, 15]}, "m": {"scale": {"choice": [1, 3]}}}
)


def point(**kwargs):
    return Point(**kwargs)


def set_goal(env, goal):
    env.unwrapped.goal = goal


def sample_goals(rng, num_tasks):
    return rng.uniform(-1, 1, (num_tasks, 2))


POINT = task_env(point, sample_goals, set_goal)


def seeds_of(env, seed):
    """Seeds that the sub-environments get, given that tasks are set."""
    return np.random.default_rng(seed).integers(2**31, size=env.num_envs)


@pytest.mark.parametrize("config", [CARTPOLE, PENDULUM], ids=lambda config: config.id)
def test_episodes_are_those_of_the_environment_itself(config):
    env = make_task_env(config, 6)
    tasks = env.sample_tasks(np.random.default_rng(0), 3)
    env.set_tasks(tasks)
    start, _ = env.reset(seed=4)
    env.action_space.seed(0)
    actions = [env.action_space.sample() for _ in range(env.horizon)]
    steps = [env.step(action)[:4] for action in actions]
    for index in range(6):
        task = tasks[index // 2].tolist()
        if config is CARTPOLE:
            alone = gymnasium.make("CartPole-v1")
            for name, number in zip(config.tasks, task, strict=True):
                setattr(alone.unwrapped, name, number)
        else:
            alone = gymnasium.make("Pendulum-v1", g=task[0])
            alone.unwrapped.m *= task[1]
        observation, _ = alone.reset(seed=int(seeds_of(env, 4)[index]))
        np.testing.assert_array_equal(start[index], observation)
        over = False
        for action, (observations, rewards, terminated, _) in zip(actions, steps, strict=True):
            reward = 0.0
            if not over:
                observation, reward, over, _, _ = alone.step(action[index])
            np.testing.assert_array_equal(observations[index], observation)
            assert rewards[index] == reward
            assert terminated[index] == over
        assert steps[-1][3][index] or terminated[index]
    env.close()


def test_time_limits_of_the_environment_truncate():
    class Short(Point):
        def reset(self, *, seed=None, options=None):
            self.time = 0
            return super().reset(seed=seed)

        def step(self, action):
            self.time += 1
            observation, reward, terminated, _, info = super().step(action)
            return observation, reward, terminated, self.time == 3, info

    env = task_env(Short, sample_goals, set_goal)(2, horizon=10)
    env.reset(seed=0)
    flags = [env.step(np.zeros((2, 2)))[2:4] for _ in range(5)]
    assert not any(terminated.any() for terminated, _ in flags)
    assert [truncated.tolist() for _, truncated in flags] == [[False] * 2] * 2 + [[True] * 2] * 3


def test_observations_are_copies_though_the_environment_returns_its_buffer():
    env = POINT(2, horizon=5)
    first, _ = env.reset(seed=0)
    kept = first.copy()
    second = env.step(np.ones((2, 2)))[0]
    np.testing.assert_array_equal(first, kept)
    np.testing.assert_allclose(second, kept + 1, rtol=1e-6)


class Thrifty(Point):
    """Returns its reward in an array that it uses again, too, and spoils both arrays before each step."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self._reward = np.zeros((), np.float32)

    def step(self, action):
        position = self._buffer.copy()
        self._buffer[:] = self._reward[...] = np.nan
        self._buffer[:] = position
        observation, reward, *others = super().step(action)
        self._reward[...] = reward
        return observation, self._reward, *others


@pytest.mark.parametrize("workers", [0, 2])
def test_rollouts_and_recorded_episodes_are_copies_too(workers):
    given = [task_env(each, sample_goals, set_goal)(4, horizon=5, workers=workers) for each in (Point, Thrifty)]
    policy = make_policy(given[0].single_observation_space, given[0].single_action_space, PolicyConfig((4,)))
    params = policy.init(torch.Generator().manual_seed(0))
    plain, thrifty = (
        Sampler([env], policy, SamplingConfig(2), torch.device("cpu")).sample(params, randomness())
        for env in given
    )
    assert torch.equal(plain.observations, thrifty.observations)
    torch.testing.assert_close(plain.rewards, thrifty.rewards)
    steps = thrifty.observations.diff(dim=2) - thrifty.actions[:, :, :-1].clamp(-1, 1)
    assert float(steps.abs().max()) < 1e-5  # each is where the action before it led
    for env in given:
        env.close()


def test_a_task_is_a_number_for_each_parameter_within_its_range():
    env = make_task_env(CARTPOLE, 4)
    tasks = env.sample_tasks(np.random.default_rng(0), 500)
    assert tasks.shape == (500, 3)
    np.testing.assert_array_equal(env.task_space.low, [0.25, 5, -10])
    np.testing.assert_array_equal(env.task_space.high, [1, 20, 10])
    assert abs(tasks[:, 0].mean() - 0.625) < 0.05
    assert abs(np.log(tasks[:, 1]).mean() - np.log(10)) < 0.1
    assert set(tasks[:, 2]) == {-10, 10}
    assert env.describe_task(np.array([0.5, 9.81, -10])) == "length 0.5, gravity 9.81, force_mag -10"


@pytest.mark.parametrize(
    ("key", "setting", "task", "found"),
    [
        ("speed", {"uniform": [0.5, 2]}, 1.5, lambda env: env.speed == 1.5),
        ("reversed", {"choice": [False, True]}, 1, lambda env: env.reversed is True),
        ("kind", {"choice": ["near", "far"]}, 1, lambda env: env.kind == "far"),
        ("goal[1]", {"uniform": [-1, 1]}, 0.5, lambda env: env.goal.tolist() == [0, 0.5]),
        ("make.size", {"uniform": [5, 20]}, 7, lambda env: env.size == 7),
        ("speed, size", {"scale": {"uniform": [1, 3]}}, 2, lambda env: (env.speed, env.size) == (2, 20)),
    ],
)
def test_what_a_parameter_sets(registered, key, setting, task, found):
    env = make_task_env(EnvConfig(registered(Point), {"horizon": 5}, {key: setting}), 2)
    env.set_tasks(np.array([[task], [env.task_space.low[0]]]))
    env.reset(seed=0)
    inside = [each.env.unwrapped for each in env._workers._batch.sub_envs]
    assert found(inside[0])
    assert not found(inside[1])


def test_models_of_mujoco_are_scaled_with_what_follows_from_them():
    tasks = {"model.body_mass, model.body_inertia": {"scale": {"uniform": [0.5, 2]}}}
    tasks["model.opt.gravity[2]"] = {"uniform": [-12, -6]}
    env = make_task_env(EnvConfig("HalfCheetah-v5", {"horizon": 3}, tasks), 2)
    env.set_tasks(np.array([[1, -9.81], [2, -7]]))
    env.reset(seed=0)
    one, other = (each.env.unwrapped.model for each in env._workers._batch.sub_envs)
    np.testing.assert_array_equal(other.body_mass, 2 * one.body_mass)
    np.testing.assert_allclose(other.body_subtreemass, 2 * one.body_subtreemass)  # computed by MuJoCo
    assert (one.opt.gravity[2], other.opt.gravity[2]) == (-9.81, -7)
    env.close()


def test_functions_of_python_make_a_family():
    env = POINT(6, horizon=5)
    tasks = sample_goals(np.random.default_rng(3), 3)
    np.testing.assert_array_equal(env.sample_tasks(np.random.default_rng(3), 3), tasks)
    env.set_tasks(tasks)
    start, _ = env.reset(seed=0)
    rewards = env.step(np.zeros((6, 2)))[1]
    np.testing.assert_allclose(rewards, -np.linalg.norm(start - np.repeat(tasks, 2, axis=0), axis=1), rtol=1e-6)


def test_single_numbers_and_other_test_tasks():
    def set_speed(env, speed):
        assert isinstance(speed, float)
        env.unwrapped.speed = speed

    draw, draw_test = (lambda rng, n, low=low: rng.uniform(low, low + 1, n) for low in (0, 5))
    env = task_env(point, draw, set_speed, sample_test_tasks=draw_test)(2, horizon=5)
    rng = np.random.default_rng(0)
    assert env.sample_tasks(rng, 9).shape == (9, 1)
    assert (env.sample_tasks(rng, 9) < 1).all()
    assert (env.sample_test_tasks(rng, 9) >= 5).all()
    env.reset(seed=0)


def test_pictures_have_the_size_that_is_wanted():
    env = POINT(2, horizon=5, render_mode="rgb_array")
    env.frame_size = 64
    env.reset(seed=0)
    pictures = env.render()
    assert [picture.shape for picture in pictures] == [(64, 64, 3)] * 2
    assert env.metadata["render_fps"] == 20
    assert POINT(2, horizon=5).render() is None


@pytest.mark.parametrize(
    ("tasks", "message"),
    [
        ({"speeed": {"uniform": [1, 2]}}, "env.tasks: speeed: .*no attribute speeed; did you mean speed?"),
        ({"spec.nothing": {"uniform": [1, 2]}}, "no attribute spec.nothing"),
        ({"fixed": {"uniform": [1, 2]}}, "env.tasks: fixed: the attribute fixed cannot be set"),
        (
            {"speed": {"uniform": [2, 1]}},
            r"env.tasks: speed: uniform must be two numbers in increasing.*\[2, 1\]",
        ),
        ({"speed": {"uniform": [1]}}, "two numbers"),
        ({"speed": {"log_uniform": [0, 1]}}, "log_uniform must be two numbers above 0"),
        ({"speed": {"unifrom": [1, 2]}}, "no distribution 'unifrom', .*did you mean uniform?"),
        ({"speed": [1, 2]}, "must be a distribution, such as"),
        ({"speed": {"choice": ["fast"]}}, "speed is a number, 1.0, and cannot become a text"),
        ({"speed": {"choice": [1, "fast"]}}, "choice must be a list of numbers, of truth values or of texts"),
        ({"speed": {"choice": [True]}}, "speed is a number, 1.0, and cannot become a truth value"),
        ({"speed": {"choice": []}}, "choice must be a list"),
        ({"kind": {"uniform": [1, 2]}}, "kind is a text, 'near', and cannot become a number"),
        ({"goal": {"uniform": [1, 2]}}, r"goal is an array of shape \(2,\); name one element, goal\[0\]"),
        ({"goal[2]": {"uniform": [1, 2]}}, r"has no goal\[2\]: goal is an array of shape \(2,\)"),
        ({"goal[x]": {"uniform": [1, 2]}}, "must be a path of attributes"),
        ({"make.sise": {"uniform": [1, 2]}}, "takes no argument sise; did you mean size?"),
        ({"make.size": {"scale": {"uniform": [1, 2]}}}, "scale needs an attribute"),
        ({"make.size": {"choice": ["small"]}}, "step raised TypeError"),
        ({"np_random": {"uniform": [1, 2]}}, "np_random is a Generator.* cannot become a number"),
    ],
    ids=str,
)
def test_tasks_that_there_are_not_are_refused(registered, tasks, message):
    with pytest.raises(UserError, match=f"^[^\n]*{message}[^\n]*$"):
        make_task_env(EnvConfig(registered(Point), {"horizon": 5}, tasks), 2)


class Overwriting(Point):
    def reset(self, *, seed=None, options=None):
        self.speed = 1.0
        return super().reset(seed=seed)


def init_with_parts(self, **kwargs):
    Point.__init__(self, **kwargs)
    self.observation_space = Dict(position=self.observation_space)


def doing(method, what):
    """A point whose method raises or returns something."""

    def replacement(self, *args, **kwargs):
        if isinstance(what, BaseException):
            raise what
        return what

    return type("Wrong", (Point,), {method: replacement})


@pytest.mark.parametrize(
    ("env_class", "message"),
    [
        (Overwriting, "does not keep its task: speed was set to .*, and is 1.0 after reset"),
        (
            type("Parts", (Point,), {"__init__": init_with_parts}),
            "reset raised .*have the keys position, got",
        ),
        (doing("reset", OSError("gone")), "reset raised OSError: gone"),
        (doing("reset", SystemExit(0)), "reset raised SystemExit: 0"),
        (doing("reset", (np.zeros(3), {})), r"observation of shape \(3,\) and type float64; its space has shape"),
        (doing("reset", (np.zeros(2, complex), {})), "type complex128"),
        (doing("reset", None), "reset raised TypeError"),
        (doing("step", OSError("two\nlines")), "step raised OSError: two lines"),
        (doing("step", (np.zeros(2), "much", False, False, {})), "reward 'much'; it must be a number"),
        (doing("step", (np.zeros(1), 0.0, False, False, {})), r"step returned an observation of shape \(1,\)"),
        (doing("step", (np.zeros(2), 0.0, False)), "step raised ValueError"),
        (
            doing("reset", (np.array([0, np.nan]), {})),
            "reset returned a number that is not finite",
        ),
        (
            doing("step", (np.full(2, np.inf), 0.0, False, False, {})),
            "step returned a number .* first obs",
        ),
        (doing("step", (np.zeros(2), np.nan, False, False, {})), "step returned a number .* in its first reward"),
        (doing("step", (np.zeros(2), 0.0, True, False, {})), "ends every episode in its first step"),
    ],
    ids=str,
)
def test_environments_that_do_wrong_are_refused_before_anything_starts(registered, env_class, message):
    with pytest.raises(UserError, match=f"^env[^\n]*{message}[^\n]*$"):
        make_task_env(EnvConfig(registered(env_class), {"horizon": 5}, {"speed": {"uniform": [2, 3]}}), 2)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"id": "mamlrl/Navigation2D-v0"}, "env.tasks: mamlrl/Navigation2D-v0 has tasks of its own"),
        ({"id": "mamlrl/Navigation2D-v0", "tasks": {}, "workers": 2}, "env.workers: .*without workers"),
        ({"kwargs": {"horizon": 0}}, "env.kwargs: CartPole-v1 refuses .*horizon must be a whole number"),
        ({"kwargs": {"hight": 3}}, "env.kwargs: CartPole-v1 .*hight"),
        ({"id": POINT, "kwargs": {"horizon": 5}}, "env.tasks: point has tasks of its own"),
        ({"id": POINT, "kwargs": {}, "tasks": {}}, "env.kwargs: point has no time limit; give its horizon"),
        ({"tasks": {}}, "CartPole-v1 is not a task environment; say what differs .*--env.tasks.*mamlrl.task_env"),
    ],
    ids=lambda value: value if isinstance(value, str) else "-".join(value),  # without addresses
)
def test_settings_that_do_not_fit(change, message):
    with pytest.raises(UserError, match=f"^[^\n]*{message}[^\n]*$"):
        make_task_env(replace(CARTPOLE, **change), 2)


def test_environments_without_pictures_are_not_drawn(registered):
    env_class = type("Dark", (Point,), {"metadata": {"render_modes": []}})
    config = EnvConfig(registered(env_class), {"horizon": 5}, {"speed": {"uniform": [2, 3]}})
    with pytest.raises(UserError, match="cannot be drawn: it has no render mode rgb_array"):
        make_task_env(config, 2, "rgb_array")
