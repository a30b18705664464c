"""Training in an ordinary environment from YAML alone: the same curve whatever steps it, also from checkpoints."""

from pathlib import Path

import numpy as np
import pytest
from programs import deterministic_rows, run

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


def test_paths_survive_configs_and_checkpoints():
    tasks = '{"model.opt.gravity[2]": {"uniform": [-12, -6]}, "model.body_mass": {"scale": {"uniform": [0.5, 2]}}}'
    options = ["--env.id=HalfCheetah-v5", '--env.kwargs={"horizon": 3}', f"--env.tasks={tasks}"]
    config = restore_experiment(plain_experiment(load_config("default", options)))
    assert list(config.env.tasks) == ["model.opt.gravity[2]", "model.body_mass"]
    env = make_task_env(config.env, 2)
    np.testing.assert_array_equal(env.task_space.low, [-12, 0.5])
    env.close()
