"""Training in an ordinary environment from YAML alone: the same curve whatever steps it, also from checkpoints."""

from importlib.util import find_spec
from pathlib import Path

import gymnasium
import numpy as np
import pytest
import torch
from gymnasium.wrappers import FlattenObservation
from ordinary_envs import Robot
from programs import deterministic_rows, run

import mamlrl
from mamlrl.errors import UserError
from mamlrl.experiments.command_line import load_config
from mamlrl.experiments.plain import plain_experiment, restore_experiment
from mamlrl.sampling.build import make_task_env

TINY = ["--meta_batch_size=2", "--sampling.episodes_per_task=3", "--policy.hidden_sizes=[4]", "--iterations=2"]


@pytest.fixture(autouse=True)
def _inside(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize("config", ["cartpole", "pendulum"])
def test_the_curve_is_the_same_whatever_the_number_of_workers(config):
    options = [f"--config={config}", *TINY, "--env.kwargs.horizon=12"]
    assert run("train", *options, "--output=here") == 0
    assert run("train", *options, "--env.workers=2", "--output=there") == 0
    assert run("train", *options, "--iterations=1", "--env.workers=3", "--output=parts") == 0
    assert run("train", "--output=parts", "--resume", "--iterations=2", "--env.workers=0") == 0
    rows = deterministic_rows(Path("here"))
    assert len(rows) == 2
    assert rows == deterministic_rows(Path("there")) == deterministic_rows(Path("parts"))


def test_a_config_without_code_trains_and_is_evaluated_on_a_task_by_its_numbers(capsys):
    Path("mine.yaml").write_text(
        "kind: policy\n"
        "env:\n"
        "  id: MountainCarContinuous-v0\n"
        "  kwargs: {horizon: 10}\n"
        "  tasks:\n"
        "    power: {log_uniform: [0.001, 0.003]}\n"
        "    make.goal_velocity: {choice: [0, 0.01]}\n"
    )
    assert run("train", "--config=mine.yaml", *TINY, "--output=run") == 0
    assert run("evaluate", "run", "--task", "0.002", "0", "--evaluation.episodes_per_task=2") == 0
    assert "MountainCarContinuous-v0" in (Path("run") / "config.yaml").read_text()
    capsys.readouterr()
    assert run("evaluate", "run", "--task", "0.02", "0") == 2
    assert "outside the task space" in capsys.readouterr().err


ROBOT = """
kind: policy
env:
  id: ordinary_envs:ordinary/Robot-v0
  kwargs: {horizon: 6}
  tasks:
    speed: {choice: [-0.1, 0.1]}
"""


def test_an_environment_of_a_dict_and_of_several_choices_from_training_to_use(monkeypatch):
    monkeypatch.setattr(gymnasium.envs.registration, "registry", dict(gymnasium.registry))
    gymnasium.register("ordinary/Robot-v0", entry_point=Robot)
    Path("robot.yaml").write_text(ROBOT)
    assert run("train", "--config=robot.yaml", *TINY, "--output=run") == 0
    small = ["--evaluation.tasks=2", "--evaluation.episodes_per_task=2", "--evaluation.steps=1"]
    assert run("rollout", "run", "--output=episodes.npz", *small) == 0
    episodes = np.load("episodes.npz")
    assert episodes["observations"].shape == (8, 6, 9)
    assert episodes["actions"].shape == (8, 6, 2)
    np.testing.assert_array_equal(episodes["actions"], episodes["policy_actions"] + [0, -1])
    policy = mamlrl.load("run")
    env = gymnasium.make("ordinary/Robot-v0", max_episode_steps=6, disable_env_checker=True)
    with pytest.raises(UserError, match=r"observations Dict.*gymnasium.wrappers.FlattenObservation"):
        policy.adapt(env)
    env = FlattenObservation(env)
    adapted = policy.adapt(env, episodes=3, seed=0)
    recorded = policy.adapt(policy.collect(env, episodes=3, seed=0))
    assert torch.equal(adapted.params, recorded.params)
    assert not torch.equal(adapted.params, policy.params)
    observation, _ = env.reset(seed=0)
    assert policy.action_space == env.action_space
    assert env.action_space.contains(adapted(observation))
    assert env.action_space.contains(adapted(observation, deterministic=False))


def test_a_missing_package_is_named(capsys):
    if find_spec("Box2D") is not None:
        pytest.skip("Box2D is installed")
    tasks = '--env.tasks={"make.gravity": {"uniform": [-11, -5]}}'
    assert run("train", "--config=default", "--env.id=LunarLanderContinuous-v3", tasks, "--output=run") == 2
    error = capsys.readouterr().err
    assert "LunarLanderContinuous-v3" in error
    assert "gymnasium[box2d]" in error
    assert not Path("run").exists()


def test_paths_survive_configs_and_checkpoints():
    tasks = '{"model.opt.gravity[2]": {"uniform": [-12, -6]}, "model.body_mass": {"scale": {"uniform": [0.5, 2]}}}'
    options = ["--env.id=HalfCheetah-v5", '--env.kwargs={"horizon": 3}', f"--env.tasks={tasks}"]
    config = restore_experiment(plain_experiment(load_config("default", options)))
    assert list(config.env.tasks) == ["model.opt.gravity[2]", "model.body_mass"]
    env = make_task_env(config.env, 2)
    np.testing.assert_array_equal(env.task_space.low, [-12, 0.5])
    env.close()
