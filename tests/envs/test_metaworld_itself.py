"""Meta-World itself, where it is installed: on MuJoCo 4 as on the MuJoCo 3.3.0 that it asks for."""

import json
from pathlib import Path

import gymnasium
import numpy as np
import pytest

from mamlrl.envs.metaworld import ID
from mamlrl.sampling.conformance import check_task_env

pytest.importorskip("metaworld", reason="Meta-World is an extra that needs a MuJoCo of its own: docs/metaworld.md")
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::UserWarning")
RECORD = json.loads((Path(__file__).parents[1] / "records" / "metaworld.json").read_text())
CLOSE = {"observation": 2e-3, "rewards": 0.05}  # between versions of MuJoCo; rewards are in [0, 10]


def make(name, num_envs=1, **kwargs):
    return gymnasium.make_vec(ID, num_envs=num_envs, name=name, **kwargs)


def test_it_keeps_the_promises_of_task_environments():
    check_task_env(make("reach-v3", 4, horizon=8))


@pytest.mark.parametrize("name", RECORD["episodes"])
def test_episodes_are_those_of_the_version_of_mujoco_that_is_asked_for(name):
    env, expected = make(name), RECORD["episodes"][name]
    env.set_tasks(np.array([[RECORD["task"]]]))
    env.reset(seed=0)
    rng = np.random.default_rng(0)
    steps = [env.step(rng.uniform(-1, 1, (1, 4)).astype(np.float32)) for _ in expected["rewards"]]
    np.testing.assert_allclose(steps[-1][0][0], expected["observation"], atol=CLOSE["observation"])
    np.testing.assert_allclose([step[1][0] for step in steps], expected["rewards"], atol=CLOSE["rewards"])


def test_goals_are_hidden_and_others_in_evaluation():
    env, rng = make("push-v3", 4, horizon=3), np.random.default_rng(0)
    train, test = env.sample_tasks(rng, 2), env.sample_test_tasks(rng, 2)
    for tasks in (train, test):
        env.set_tasks(tasks)
        observations, _ = env.reset(seed=0)
        np.testing.assert_array_equal(observations[:, -3:], 0)
    goals = {env.describe_task(task) for task in (*train, *test)}
    assert len(goals) == 4
