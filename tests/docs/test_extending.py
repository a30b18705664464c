"""The examples of tasks and environments in docs/extending.md work as they stand there."""

import re
import sys
from pathlib import Path

import gymnasium
import numpy as np
import pytest
from programs import run

PAGE = (Path(__file__).parents[2] / "docs" / "extending.md").read_text()
TEXT = PAGE.partition("## A new task for the half-cheetah or the ant\n")[2].partition("\n## ")[0]
TINY = ["--meta_batch_size=2", "--sampling.episodes_per_task=2", "--iterations=1", "--policy.hidden_sizes=[4]"]


@pytest.fixture
def env_id(tmp_path, monkeypatch):
    """The example's id, as the command there names it; forgotten after the test."""
    module, name = re.search(r"--env\.id (\w+):(\S+)", TEXT).groups()
    (tmp_path / f"{module}.py").write_text(re.search(r"```python\n(.*?)```", TEXT, flags=re.DOTALL)[1])
    monkeypatch.syspath_prepend(tmp_path)
    yield f"{module}:{name}"
    gymnasium.registry.pop(name, None)
    sys.modules.pop(module, None)


@pytest.mark.parametrize("family", ["rllab", "gymnasium"])
def test_a_task_of_one_s_own_trains(env_id, family, tmp_path):
    kwargs = f'--env.kwargs={{"family": "{family}", "horizon": 4}}'
    options = ["--config=half_cheetah_velocity", f"--env.id={env_id}", kwargs, *TINY]
    assert run("train", *options, "--output", tmp_path / "run") == 0


def test_its_reward_is_minus_the_distance_and_the_costs(env_id):
    env = gymnasium.make_vec(env_id, num_envs=2, family="gymnasium")
    env.set_tasks(np.array([[-3.0], [4.0]]))
    env.reset(seed=0)
    actions = np.full((2, 6), 0.5)
    _, rewards, *_ = env.step(actions)
    x = env.simulator.positions[:, 0]
    np.testing.assert_allclose(rewards, -np.abs(x - [-3, 4]) - 0.1 * 6 * 0.25, atol=1e-12)


def test_an_environment_of_one_s_own_with_dict_observations_trains_from_yaml_alone(tmp_path, monkeypatch, capsys):
    section = PAGE.partition("## An ordinary environment of your own\n")[2].partition("\n## ")[0]
    for name, language in (("my_carts.py", "python"), ("my_carts.yaml", "yaml")):
        assert f"`{name}`" in section
        (tmp_path / name).write_text(re.search(rf"```{language}\n(.*?)```", section, flags=re.DOTALL)[1])
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.chdir(tmp_path)
    assert "mamlrl train --config my_carts.yaml --output runs/carts" in section
    try:
        assert run("train", "--config", "my_carts.yaml", "--output", "runs/carts", *TINY) == 0
        output = capsys.readouterr()
        assert re.search(r"parameters +35\n", output.out + output.err)  # (4 + 1) x 4 and (4 + 1) x 3
    finally:
        gymnasium.registry.pop("my_carts/Cart-v0", None)
        sys.modules.pop("my_carts", None)
