"""Numbers from the environment: reduced over the steps of an episode, and refused where they mean nothing."""

from dataclasses import replace

import gymnasium
import numpy as np
import pytest
import torch
from gymnasium.spaces import Box
from ordinary_envs import Point
from samplers import CPU, ClockEnv, ScriptedPolicy, randomness

from mamlrl.envs.half_cheetah import HalfCheetahDirectionVectorEnv
from mamlrl.errors import TaskEnvError, UserError
from mamlrl.experiments.command_line import load_config
from mamlrl.sampling.build import EnvConfig, make_task_env, make_task_envs
from mamlrl.sampling.rollouts import keep, task_values
from mamlrl.sampling.sampler import Sampler
from mamlrl.sampling.settings import SamplingConfig

LENGTHS = [3, 8, 5, 1, 8, 9]  # of episodes of 8 steps at most


class TellingEnv(ClockEnv):
    """Tells the time, and a number of each episode's own; once something else, if told so."""

    def __init__(self, num_envs=6, wrong=None, at=2, **kwargs):
        super().__init__(num_envs, lengths=LENGTHS[:num_envs], **kwargs)
        self.wrong, self.at = wrong, at

    def _info(self):
        times = np.full(self.num_envs, float(self.time))
        times[self.time > self.lengths] = np.nan  # of episodes that are over
        info = {"time": times, "is_third": times == 3}
        return info if self.wrong is None or self.time != self.at else self.wrong(info)


def collect(env, info, **config):
    shape = (2, env.num_envs // 2, *env.single_action_space.shape)
    settings = SamplingConfig(env.num_envs // 2, **config)
    sampler = Sampler([env], ScriptedPolicy(torch.zeros(shape)), settings, CPU, info=info)
    return sampler.sample(torch.zeros(1, dtype=torch.float64), randomness())


@pytest.mark.parametrize(
    ("key", "reduction", "expected"),
    [
        ("time", "last", [min(length, 8) for length in LENGTHS]),
        ("time", "sum", [sum(range(1, min(length, 8) + 1)) for length in LENGTHS]),
        ("time", "mean", [(min(length, 8) + 1) / 2 for length in LENGTHS]),
        ("time", "any", [1] * 6),
        ("is_third", "any", [length >= 3 for length in LENGTHS]),
        ("is_third", "last", [length == 3 for length in LENGTHS]),
        ("is_third", "mean", [(length >= 3) / min(length, 8) for length in LENGTHS]),
    ],
)
def test_a_number_is_reduced_over_the_steps_of_its_episode(key, reduction, expected):
    rollouts = collect(TellingEnv(), {key: reduction})
    assert rollouts.info.shape == (2, 3, 1)
    assert rollouts.info.flatten().tolist() == expected
    np.testing.assert_allclose(rollouts.task_info()[:, 0], np.reshape(expected, (2, 3)).mean(axis=1))


def test_values_of_tasks_are_means_over_the_episodes_that_are_kept():
    rollouts = collect(TellingEnv(), {"is_third": "any", "time": "last"})
    kept = keep(rollouts, torch.tensor([[True, False, True], [False, True, True]]))
    values = task_values([rollouts, kept], ["is_third", "time"])
    assert list(values) == ["return", "is_third", "time"]
    assert [steps.tolist() for steps in values["time"]] == [[16 / 3, 17 / 3], [4, 8]]
    assert values["return"][1].tolist() == kept.task_returns().tolist()


def test_rounds_of_episodes_are_joined():
    rollouts = collect(TellingEnv(), {"time": "last"}, unit="transitions")
    lengths = rollouts.mask.sum(dim=2)
    assert rollouts.mask.shape[1] > 3
    assert torch.equal(rollouts.info[:, :, 0][lengths > 0], lengths[lengths > 0])


def without_time(info):
    return {"tome": info["time"], "_time": info["is_third"]}


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        (without_time, "info has no key time, which env.info names; did you mean tome"),
        (lambda info: {}, "info has no key time.* there are: diverged"),
        (
            lambda info: {**info, "time": np.ones(5)},
            r"info of shape \(5,\) and type float64 for time.* shape \(6,\)",
        ),
        (lambda info: {**info, "time": np.full(6, "x")}, "for time, which env.info names; expected numbers"),
        (
            lambda info: {**info, "time": np.full(6, np.inf)},
            "info has inf for time.* in task 0 .*, episode 0, step 1",
        ),
        (
            lambda info: {**info, "_time": np.arange(6) < 4},
            "info has nan for time.* in task 1 .*, episode 1, step 1",
        ),
    ],
)
def test_what_is_no_number_is_refused_in_one_line(wrong, words):
    with pytest.raises(TaskEnvError, match=f"environment TellingEnv: step.*{words}") as raised:
        collect(TellingEnv(wrong=wrong), {"time": "mean"})
    assert "\n" not in str(raised.value)


def test_an_episode_whose_simulation_diverged_may_tell_anything():
    def diverge(info):
        env.diverged[[1, 4]] = True
        info["time"][[1, 4]] = np.nan
        return info

    env = TellingEnv(wrong=diverge)
    assert collect(env, {"time": "last"}).info[..., 0].tolist() == [[3, 0, 5], [1, 0, 8]]


@pytest.mark.parametrize("key", ["return", "worst_return", "explained_variance", " ", "a\nb", "x/step_1"])
def test_keys_that_cannot_name_a_metric(key):
    with pytest.raises(UserError, match=r"^env\.info: "):
        EnvConfig(info={key: "mean"})


def test_reductions_that_there_are_not():
    with pytest.raises(UserError, match="EnvConfig: info success must be one of any, last, mean, sum, got 'all'"):
        EnvConfig(info={"success": "all"})


def test_a_key_that_a_family_lacks_is_refused_before_episodes():
    config = load_config("half_cheetah_direction", ['--env.info={"x_velocty": "mean"}'])
    with pytest.raises(TaskEnvError, match=r"no key x_velocty, which env\.info names; did you mean x_velocity"):
        make_task_envs(config.env, 2, SamplingConfig(episodes_per_task=1))
    assert "y_velocity" not in _told(HalfCheetahDirectionVectorEnv(2))


def _told(env):
    env.reset(seed=0)
    return env.step(np.zeros(env.action_space.shape))[-1]


class Telling(Point):
    """Tells how far the goal is, as a number of NumPy's, and whether it was near, as a truth value."""

    def __init__(self, told=np.float32, **kwargs):
        super().__init__(**kwargs)
        self.action_space = Box(-1, 1, (2,), np.float32)
        self.told, self.steps = told, 0

    def reset(self, **kwargs):
        self.steps = 0
        return super().reset(**kwargs)

    def step(self, action):
        observation, reward, *ends, _ = super().step(action)
        self.steps += 1
        return observation, reward, *ends, {"far": self.told(-reward), "near": -reward < self.steps / 4}


@pytest.fixture
def telling():
    gymnasium.register(id="ordinary/Telling-v0", entry_point=Telling)
    yield EnvConfig(
        "ordinary/Telling-v0",
        {"horizon": 6, "size": 2.0},
        {"speed": {"uniform": [0.1, 1]}},
        info={"near": "any", "far": "last"},
    )
    del gymnasium.registry["ordinary/Telling-v0"]


@pytest.mark.parametrize("workers", [0, 2])
def test_ordinary_environments_tell_through_their_workers(telling, workers):
    config = replace(telling, workers=workers)
    env = make_task_env(config, 5)
    env.set_tasks(np.linspace(0.1, 1, 5)[:, None])
    env.reset(seed=0)
    env.action_space.seed(0)
    for step in range(1, 7):
        _, rewards, terminated, _, info = env.step(env.action_space.sample())
        ran = ~terminated | (rewards != 0)
        np.testing.assert_allclose(info["far"][ran], -rewards[ran], rtol=1e-6)
        assert info["near"][ran].tolist() == (-rewards[ran] < step / 4).tolist()
    assert terminated.any()
    env.close()


@pytest.mark.parametrize(
    ("told", "words"),
    [
        (lambda distance: None, "info has None for far, which env.info names; it must be a finite number"),
        (lambda distance: np.nan, "info has nan for far"),
        (lambda distance: np.ones(1), "for far, which env.info names; it must be a finite number"),
    ],
)
def test_ordinary_environments_that_tell_no_number_are_refused_when_they_are_made(telling, told, words):
    gymnasium.registry[telling.id].entry_point = lambda **kwargs: Telling(told, **kwargs)
    with pytest.raises(UserError, match=rf"ordinary/Telling-v0: step raised .*{words}"):
        make_task_env(telling, 2)


def test_tensors_of_a_device_tell_the_same():
    config = {"info": {"goal_distance": "last", "success": "any"}, "kwargs": {"horizon": 40, "goal_range": 0.05}}
    numbers = []
    for array_module in ("numpy", "torch"):
        kwargs = {**config["kwargs"], "array_module": array_module}
        env = make_task_env(EnvConfig(kwargs=kwargs, info=config["info"]), 6)
        env.set_tasks(np.array([[0.03, 0.0], [0.0, -0.04]]))
        policy = ScriptedPolicy(torch.full((2, 3, 2), 0.01))
        sampler = Sampler([env], policy, SamplingConfig(3, rescale_actions=False), CPU, info=config["info"])
        numbers.append(sampler.sample(torch.zeros(1), randomness()).info)
    assert torch.equal(*numbers)
    assert numbers[0][..., 0].min() > 0.2
