import pytest

from mamlrl.envs.navigation import Navigation2DVectorEnv
from mamlrl.errors import UserError
from mamlrl.sampling import build as environments
from mamlrl.sampling.build import EnvConfig, make_task_env, make_task_envs
from mamlrl.sampling.settings import SamplingConfig


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


@pytest.mark.parametrize(
    ("num_tasks", "groups", "expected"), [(6, 1, [12]), (6, 2, [6, 6]), (5, 2, [6, 4]), (2, 3, [2, 2])]
)
def test_each_group_of_tasks_has_an_environment(num_tasks, groups, expected):
    envs = make_task_envs(EnvConfig(), num_tasks, SamplingConfig(episodes_per_task=2, groups=groups))
    assert [env.num_envs for env in envs] == expected


@pytest.mark.parametrize(
    ("cpus", "groups", "kwargs", "expected"),
    [(4, 1, {}, 4), (4, 2, {}, 2), (1, 2, {}, 1), (None, 2, {}, 1), (4, 2, {"num_threads": 3}, 3)],
)
def test_environments_with_threads_share_the_cpus(monkeypatch, cpus, groups, kwargs, expected):
    monkeypatch.setattr(environments.os, "cpu_count", lambda: cpus)
    config = EnvConfig("mamlrl/HalfCheetahDirection-v0", {"horizon": 3, **kwargs})
    for env in make_task_envs(config, 4, SamplingConfig(episodes_per_task=2, groups=groups)):
        assert env.simulator._batch.nthread == expected


def test_what_draws_without_a_screen_is_chosen_for_pictures_only(monkeypatch):
    chosen = []
    monkeypatch.setattr(environments, "choose_platform", lambda: chosen.append(True))
    make_task_env(EnvConfig(), 1)
    assert not chosen
    make_task_env(EnvConfig(), 1, "rgb_array")
    assert chosen
