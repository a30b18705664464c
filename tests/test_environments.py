import pytest
import torch

from mamlrl import environments
from mamlrl.config import EnvConfig
from mamlrl.environments import make_device, make_task_env
from mamlrl.envs.navigation import Navigation2DVectorEnv
from mamlrl.errors import UserError


@pytest.mark.parametrize("prefix", ["", "mamlrl.envs:"])
def test_a_registered_id_makes_its_vector_environment(prefix):
    env = make_task_env(EnvConfig(f"{prefix}mamlrl/Navigation2D-v0", {"horizon": 7}), 6, "rgb_array")
    assert isinstance(env, Navigation2DVectorEnv)
    assert (env.num_envs, env.horizon, env.render_mode) == (6, 7, "rgb_array")


@pytest.mark.parametrize(
    ("identifier", "kwargs", "message"),
    [
        ("mamlrl/Navigation-v0", {}, "did you mean mamlrl/Navigation2D-v0"),
        ("no_such_module:Thing-v0", {}, "no_such_module:Thing-v0.*PYTHONPATH"),
        ("CartPole-v1", {}, "not a task environment"),
        ("FrozenLake-v1", {}, "not a task environment"),
        ("not an id", {}, "no environment"),
        ("mamlrl/Navigation2D-v0", {"horizons": 7}, "env.kwargs.*horizons"),
        ("mamlrl/Navigation2D-v0", {"goal_range": -1}, "env.kwargs.*goal_range"),
    ],
)
def test_what_cannot_be_made_is_named(identifier, kwargs, message):
    with pytest.raises(UserError, match=message):
        make_task_env(EnvConfig(identifier, kwargs), 2)


def test_what_draws_without_a_screen_is_chosen_for_pictures_only(monkeypatch):
    chosen = []
    monkeypatch.setattr(environments, "choose_platform", lambda: chosen.append(True))
    make_task_env(EnvConfig(), 1)
    assert not chosen
    make_task_env(EnvConfig(), 1, "rgb_array")
    assert chosen


def test_devices():
    assert make_device("cpu") == torch.device("cpu")
    for name in ("cuda:99", "no such device"):
        with pytest.raises(UserError, match=f"device: there is no {name} here; there are: cpu"):
            make_device(name)
