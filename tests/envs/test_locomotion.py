"""What simulated bodies share: initial states, sizes, divergence, refusals, pictures."""

import re

import gymnasium
import mujoco
import numpy as np
import pytest
from bodies import SEEDS, make

from mamlrl.envs.pictures import rendering

with_family = pytest.mark.parametrize("family", ["rllab", "gymnasium"])
every_id = pytest.mark.parametrize(
    "env_id", sorted(name for name in gymnasium.registry if re.match(r"mamlrl/(HalfCheetah|Ant)", name))
)


@with_family
@pytest.mark.parametrize("env_id", ["mamlrl/HalfCheetahVelocity-v0", "mamlrl/AntGoal-v0"])
def test_one_episode_is_the_same_alone_and_among_800_at_one_and_two_threads(env_id, family):
    index, steps = 537, 3
    actions = np.random.default_rng(0).uniform(-1, 1, (steps, 800, 8 if "Ant" in env_id else 6))
    runs = []
    for num_threads in (1, 2):
        env = make(env_id, 800, family=family, num_threads=num_threads)
        runs.append([env.reset(seed=0)[0], *(part for action in actions for part in env.step(action)[:4])])
    single = make(env_id, 1, family=family)
    single.set_tasks(env.tasks[[index]])
    initial = make(env_id, 800, family=family)
    initial.reset(seed=0)
    states = initial.simulator.positions[[index]].copy(), initial.simulator.velocities[[index]].copy()
    single.body.sample_states = lambda rng, number: states
    alone = [single.reset()[0], *(part for action in actions for part in single.step(action[[index]])[:4])]
    for one, two, row in zip(*runs, alone, strict=True):
        np.testing.assert_array_equal(one, two)
        np.testing.assert_array_equal(one[[index]], row)


@with_family
@pytest.mark.parametrize(
    ("env_id", "velocity_scale", "position_scale"),
    [("mamlrl/HalfCheetahVelocity-v0", 0.1, 0.01), ("mamlrl/AntVelocity-v0", 0.1, 0.01)],
)
def test_initial_states_scatter_as_the_family_says(env_id, velocity_scale, position_scale, family):
    env = make(env_id, 2000, family=family)
    env.reset(seed=0)
    positions = env.simulator.positions - env.simulator.positions.mean(axis=0)
    deviation = 0.1 / np.sqrt(3) if family == "gymnasium" else position_scale
    np.testing.assert_allclose(positions.std(axis=0), deviation, rtol=0.1)
    np.testing.assert_allclose(env.simulator.velocities.std(axis=0), velocity_scale, rtol=0.1)
    if family == "gymnasium":
        assert np.abs(positions).max() < 0.11
    if "Ant" in env_id:
        height = 0.75 if family == "gymnasium" else 0.55
        assert env.simulator.positions[:, 2].mean() == pytest.approx(height, abs=0.01)


@with_family
def test_contact_features_of_an_ant_that_stands_are_not_zero(family):
    env = make("mamlrl/AntGoal-v0", family=family)
    observations, _ = env.reset(seed=0)
    for _ in range(100):
        observations, *_ = env.step(np.zeros((SEEDS, 8)))
    contacts = observations[:, 29 : 29 + 84] if family == "rllab" else observations[:, 27:]
    assert (np.abs(contacts).max(axis=1) > 0.1).all()
    assert (np.abs(contacts) <= 1).all()


@with_family
@every_id
@pytest.mark.parametrize("poison", ["velocity", "action"])
def test_a_diverged_simulation_ends_its_episode_and_no_other(env_id, poison, family):
    env, twin = make(env_id, 4, family=family), make(env_id, 4, family=family)
    observations, _ = env.reset(seed=0)
    twin.reset(seed=0)
    others = np.array([0, 1, 3])
    for step in range(6):
        actions = np.random.default_rng(step).uniform(-1, 1, (4, *env.single_action_space.shape))
        expected = twin.step(actions)
        if step == 3:
            last = observations[2].copy()
            if poison == "velocity":
                env.simulator.velocities[2] = 1e12
            else:
                actions[2, 0] = np.nan
        observations, rewards, terminated, truncated, info = env.step(actions)
        for part, expected_part in zip((observations, rewards, terminated, truncated), expected[:4], strict=True):
            np.testing.assert_array_equal(part[others], expected_part[others])
        assert np.isfinite(observations).all()
        assert terminated[2] == info["diverged"][2] == env.diverged[2] == (step >= 3)
        assert env.diverged.sum() == (step >= 3)
        if step >= 3:
            np.testing.assert_array_equal(observations[2], last)
            assert rewards[2] == 0.0
    env.reset(options={"reset_mask": env.diverged.copy()})
    assert not env.diverged.any()
    observations, rewards, terminated, _, info = env.step(np.zeros((4, *env.single_action_space.shape)))
    assert np.isfinite(observations).all()
    assert rewards[2] != 0.0
    assert not info["diverged"].any()


@every_id
def test_single_environment_tells_divergence(env_id):
    env = gymnasium.make(env_id).unwrapped
    env.reset(seed=0)
    assert not env.step(np.zeros(env.action_space.shape))[4]["diverged"]
    env.vector_env.simulator.velocities[0] = 1e12
    _, reward, terminated, _, info = env.step(np.zeros(env.action_space.shape))
    assert (reward, terminated, info["diverged"]) == (0.0, True, True)


def test_defaults_are_those_of_the_original_code():
    cheetah, ant, goal = (
        gymnasium.make_vec(f"mamlrl/{name}-v0", num_envs=1)
        for name in ("HalfCheetahVelocity", "AntVelocity", "AntGoal")
    )
    for env in (cheetah, ant, goal):
        assert (env.family, env.horizon) == ("rllab", 200)
    assert (cheetah.task_space.low, cheetah.task_space.high) == (0.0, 2.0)
    assert (ant.task_space.low, ant.task_space.high) == (0.0, 3.0)
    np.testing.assert_array_equal(goal.task_space.high, [3.0, 3.0])


@with_family
def test_sizes_of_observations_and_actions(family):
    cheetah, ant = (
        make("mamlrl/HalfCheetahVelocity-v0", family=family),
        make("mamlrl/AntVelocity-v0", family=family),
    )
    sizes = {"rllab": (20, 125), "gymnasium": (17, 105)}[family]
    assert (*cheetah.single_observation_space.shape, *ant.single_observation_space.shape) == sizes
    assert (*cheetah.single_action_space.shape, *ant.single_action_space.shape) == (6, 8)


@every_id
@pytest.mark.parametrize(
    ("name", "value"), [("family", "dm_control"), ("num_threads", -1), ("num_threads", 1.5), ("num_envs", 0)]
)
def test_unusable_arguments_are_refused_by_name(env_id, name, value):
    env_class = type(gymnasium.make_vec(env_id, num_envs=1))
    with pytest.raises(ValueError, match=f"^{name} must"):
        env_class(**{name: value})


@pytest.mark.parametrize(
    ("env_id", "name", "value"),
    [
        ("mamlrl/HalfCheetahVelocity-v0", "velocity_range", [2.0, 1.0]),
        ("mamlrl/AntVelocity-v0", "velocity_range", [0.0]),
        ("mamlrl/AntGoal-v0", "goal_range", 0.0),
    ],
)
def test_unusable_task_ranges_are_refused_by_name(env_id, name, value):
    with pytest.raises(ValueError, match=f"^{name} must"):
        make(env_id, **{name: value})


@pytest.mark.parametrize("task", [[0.5], [0.0], [2.0]])
def test_half_directions_are_not_tasks(task):
    with pytest.raises(ValueError, match="outside"):
        make("mamlrl/HalfCheetahDirection-v0").set_tasks(np.array([task]))


def test_pictures_follow_the_body():
    env = make("mamlrl/AntGoal-v0", 1, render_mode="rgb_array")
    env.reset(seed=0)
    first = env.render()[0]
    for _ in range(20):
        env.step(np.ones((1, 8)))
    assert not np.array_equal(first, env.render()[0])
    env.close()


def test_a_missing_graphics_platform_is_told_with_its_remedy(monkeypatch):
    def fail(*args):
        raise mujoco.FatalError("no context")

    monkeypatch.setattr(rendering, "graphics_problem", rendering.graphics_problem.__wrapped__)
    monkeypatch.setattr(rendering.mujoco, "Renderer", fail)
    env = make("mamlrl/HalfCheetahVelocity-v0", render_mode="rgb_array")
    env.reset(seed=0)
    with pytest.raises(RuntimeError, match=r"no context.*MUJOCO_GL=egl.*MUJOCO_GL=osmesa"):
        env.render()
