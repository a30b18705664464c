"""Environments to collect in: of other spaces, of several tasks, and such as do wrong."""

import gymnasium
import numpy as np
import pytest
from deployed import TASK, load_method, make_copies, make_single
from fake_envs import SpatialEnv
from gymnasium.spaces import Box
from gymnasium.wrappers import RescaleAction, TransformAction

from mamlrl.errors import NonFiniteError, TaskEnvError, UserError


@pytest.fixture(scope="module")
def policy(tmp_path_factory):
    return load_method("maml", tmp_path_factory.mktemp("policy"))


class Robot(gymnasium.Env):
    """An environment that somebody wrote, with observations of other bounds; goes wrong if told."""

    observation_space = Box(-np.inf, np.inf, (2,), np.float32)
    action_space = Box(-0.1, 0.1, (2,), np.float64)

    def __init__(self, length=4, **wrong):
        self.length, self.wrong = length, wrong

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.place, self.time = np.zeros(2), 0
        return self.wrong.get("start", self.place), {}

    def step(self, action):
        if self.wrong.get("raises"):
            raise RuntimeError("no power")
        assert self.action_space.contains(action)
        self.time += 1
        self.place = self.place + action
        reward = self.wrong.get("reward", -float(np.abs(self.place - TASK).sum()))
        return self.wrong.get("observation", self.place), reward, self.time == self.length, False, {}


def test_any_environment_with_its_spaces_serves(policy):
    episodes = policy.collect(Robot(), 3, seed=0)
    assert [len(episode.rewards) for episode in episodes] == [4, 4, 4]
    assert all(episode.terminated and not episode.truncated for episode in episodes)
    np.testing.assert_allclose(
        episodes[0].observations[1:], np.cumsum(episodes[0].actions, axis=0)[:-1], rtol=1e-5, atol=1e-7
    )
    assert policy.adapt(gymnasium.wrappers.TimeLimit(Robot(length=99), 5), episodes=2, seed=0).steps == 1


@pytest.mark.parametrize(
    ("env", "words"),
    [
        (
            lambda: gymnasium.make("CartPole-v1"),
            r"environment CartPole-v1 has observations Box.*the policy was trained",
        ),
        (
            lambda: RescaleAction(Robot(), -1.0, 1.0),
            r"environment Robot has actions .* but the policy was trained on .*take those \(.*RescaleAction",
        ),
        (
            lambda: TransformAction(Robot(), int, gymnasium.spaces.Discrete(2)),
            "environment Robot has actions Discrete.2., but .*; wrap it to take those$",
        ),
        (lambda: SpatialEnv(4), r"environment SpatialEnv has observations Box\(.*\(3,\)"),
        (lambda: gymnasium.make_vec("CartPole-v1", num_envs=2), "is a vector environment; give one environment"),
    ],
)
def test_an_environment_that_does_not_fit_is_refused(policy, env, words):
    with pytest.raises(UserError, match=words):
        policy.adapt(env())


@pytest.mark.parametrize(
    ("wrong", "error", "words"),
    [
        ({"raises": True}, TaskEnvError, "environment Robot: step raised RuntimeError: no power"),
        (
            {"start": np.zeros(3)},
            TaskEnvError,
            r"environment Robot: reset returned observations of shape \(1, 3\)",
        ),
        ({"observation": "far"}, TaskEnvError, "environment Robot: step returned observations of"),
        (
            {"observation": [np.nan, 0.0]},
            UserError,
            "environment Robot: observation: has numbers that are not finite",
        ),
        ({"reward": "good"}, TaskEnvError, "environment Robot: step returned rewards of"),
        ({"reward": np.nan}, UserError, "environment Robot: recorder: a reward must be a finite number, got nan"),
    ],
)
def test_an_environment_that_does_wrong_is_named(policy, wrong, error, words):
    with pytest.raises(error, match=words) as raised:
        policy.adapt(Robot(**wrong), episodes=2)
    assert "\n" not in str(raised.value)


def test_an_environment_that_does_not_end_is_named(policy, monkeypatch):
    monkeypatch.setattr("mamlrl.deployment.collecting.MOST_STEPS", 20)
    with pytest.raises(UserError, match=r"environment Robot: an episode has not ended after 20 .*TimeLimit"):
        policy.adapt(Robot(length=10**9))


def test_task_environments_are_checked_as_in_training(policy, monkeypatch):
    env = make_copies(policy, 3)
    monkeypatch.setattr(env, "_observe", lambda: np.full((3, 2), np.nan))
    with pytest.raises(NonFiniteError, match="environment mamlrl/Navigation2D-v0: observation of task 0"):
        policy.adapt(env)


def test_episodes_of_different_tasks_are_refused(policy):
    single = gymnasium.make("mamlrl/Navigation2D-v0", **policy.experiment.env.kwargs)
    with pytest.raises(UserError, match=r"of different tasks; choose one first: env\.unwrapped\.set_task\(task\)"):
        policy.adapt(single, episodes=3)
    for copies in (1, 4):
        env = gymnasium.make_vec("mamlrl/Navigation2D-v0", num_envs=copies, **policy.experiment.env.kwargs)
        with pytest.raises(UserError, match=r"choose one first: env\.set_tasks\(task\[None\]\)"):
            policy.adapt(env, episodes=4)
    env.set_tasks(np.array([[0.1, 0.0], [0.2, 0.0]]))
    with pytest.raises(UserError, match="different tasks"):
        policy.adapt(env, episodes=4)


@pytest.mark.parametrize("episodes", [0, -3, 1.5, True, "2"])
def test_episodes_are_whole_numbers_from_1(policy, episodes):
    with pytest.raises(UserError, match="episodes must be a whole number from 1, got"):
        policy.collect(make_single(policy), episodes)


def test_numpys_whole_numbers_are_whole_numbers(policy):
    adapted = policy.adapt(make_single(policy), episodes=np.int64(2), steps=np.int32(1), seed=np.int64(3))
    assert adapted.steps == 1


@pytest.mark.parametrize("steps", [0, 1.5, True])
def test_steps_are_whole_numbers_from_1(policy, steps):
    with pytest.raises(UserError, match="steps must be a whole number from 1, got"):
        policy.adapt(make_single(policy), steps=steps)


@pytest.mark.parametrize("seed", [-1, 2**63, 1.0, True, "0"])
def test_seeds_are_whole_numbers_from_0(policy, seed):
    with pytest.raises(UserError, match="seed must be a whole number from 0"):
        policy.adapt(make_single(policy), seed=seed)


def test_collecting_takes_an_environment(policy):
    with pytest.raises(UserError, match="collect: takes an environment, got a list"):
        policy.collect([])
