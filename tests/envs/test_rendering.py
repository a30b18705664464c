"""Pictures of simulated bodies: what is in the scene, what is seen of it, and how fast it moves."""

import os

import gymnasium
import mujoco
import numpy as np
import pytest
from env_cases import IDS

from mamlrl.envs.locomotion.locomotion_env import LocomotionVectorEnv

needs_graphics = pytest.mark.skipif(
    os.environ.get("MUJOCO_GL") not in ("egl", "osmesa"), reason="MuJoCo has nothing here to draw with"
)
ARROW, CYLINDER = mujoco.mjtGeom.mjGEOM_ARROW, mujoco.mjtGeom.mjGEOM_CYLINDER


@pytest.fixture
def make():
    """Makes environments that draw, with a task of each sub-environment, and closes them."""
    made = []

    def make_env(name, tasks, **kwargs):
        env = gymnasium.make_vec(f"mamlrl/{name}-v0", num_envs=len(tasks), render_mode="rgb_array", **kwargs)
        made.append(env)
        env.set_tasks(np.array(tasks, dtype=np.float64))
        env.reset(seed=0)
        return env

    yield make_env
    for env in made:
        env.close()


def geoms_of_markers(env):
    """Geoms in the scene of the picture last drawn that are not the model's."""
    scene = env._renderer._renderer.scene
    return [
        geom
        for geom in scene.geoms[: scene.ngeom]
        if geom.category == mujoco.mjtCatBit.mjCAT_DECOR and geom.objtype == 0
    ]


def is_marker(frame):
    """Pixels of the markers' green, which no body or floor has."""
    red, green, blue = np.moveaxis(frame.astype(int), 2, 0)
    return (green > 2 * red) & (green > 2 * blue) & (green > 40)


def is_body(frame):
    red, green, blue = np.moveaxis(frame.astype(int), 2, 0)
    return (red > 1.1 * green) & (red > 1.3 * blue)


# What the scene holds


@needs_graphics
@pytest.mark.parametrize(
    ("name", "task", "extent"),
    [
        ("HalfCheetahVelocity", [1.6], [0.8, 0.0]),
        ("HalfCheetahDirection", [1.0], [1.0, 0.0]),
        ("HalfCheetahDirection", [-1.0], [-1.0, 0.0]),
        ("HalfCheetahParameters", [1.0, 1.0, 1.0, 1.0], [1.0, 0.0]),
        ("HalfCheetahCrippled", [1.0, 0.0, 1.0, 1.0, 1.0, 1.0], [1.0, 0.0]),
        ("AntVelocity", [3.0], [1.5, 0.0]),
        ("AntRandomDirection", [0.6, -0.8], [0.6, -0.8]),
        ("AntGoal", [2.0, -1.0], None),
    ],
)
def test_an_arrow_above_the_torso_says_where_to_go(make, name, task, extent):
    env = make(name, [task])
    env.simulator.positions[0, :2] += [7.0, 0.5]
    env.render()
    *_, arrow = geoms_of_markers(env)
    x, z = env.simulator.positions[0, :2]
    torso = env.simulator.positions[0, :3] if "Ant" in name else np.array([x, 0.0, 0.7 + z])  # 0.7: the model's
    length = arrow.size[2]
    end = arrow.pos + length * arrow.mat[:, 2]
    assert arrow.type == ARROW
    np.testing.assert_allclose(arrow.pos - torso, [0, 0, 0.5], atol=1e-6)
    expected = task - torso[:2] if extent is None else extent
    np.testing.assert_allclose(end - arrow.pos, [*expected, 0.0], atol=1e-6)


@needs_graphics
def test_a_post_stands_on_the_goal(make):
    env = make("AntGoal", [[2.0, -1.0]])
    env.render()
    post, _ = geoms_of_markers(env)
    assert post.type == CYLINDER
    half_length = post.size[2]
    np.testing.assert_allclose(post.pos, [2.0, -1.0, half_length], atol=1e-6)
    np.testing.assert_allclose(np.abs(post.mat[:, 2]), [0, 0, 1], atol=1e-6)


@needs_graphics
def test_markers_do_not_pile_up(make):
    env = make("AntGoal", [[2.0, -1.0], [1.0, 1.0]])
    for _ in range(3):
        env.render()
    assert len(geoms_of_markers(env)) == 2


# What the picture shows


@needs_graphics
@pytest.mark.parametrize(
    ("name", "left", "right"),
    [
        ("HalfCheetahDirection", [-1.0], [1.0]),
        ("AntDirection", [-1.0], [1.0]),
        ("AntRandomDirection", [-0.8, 0.6], [0.8, 0.6]),
        ("AntGoal", [-1.5, 0.0], [1.5, 0.0]),
    ],
)
def test_markers_are_seen_on_the_side_where_the_task_leads(make, name, left, right):
    frames = make(name, [left, right]).render()
    middle = frames[0].shape[1] / 2
    assert np.argwhere(is_marker(frames[0]))[:, 1].mean() < middle - 10
    assert np.argwhere(is_marker(frames[1]))[:, 1].mean() > middle + 10


@needs_graphics
@pytest.mark.parametrize(
    ("name", "velocities"), [("HalfCheetahVelocity", [0.5, 2.0]), ("AntVelocity", [0.5, 3.0])]
)
def test_faster_goals_have_longer_arrows(make, name, velocities):
    slow, fast = (np.ptp(np.argwhere(is_marker(frame))[:, 1]) for frame in make(name, np.c_[velocities]).render())
    assert fast > 2 * slow > 0


@needs_graphics
@pytest.mark.parametrize("name", ["HalfCheetahDirection", "AntDirection"])
def test_the_camera_follows_the_body(make, name):
    env = make(name, [[1.0], [1.0]])
    env.simulator.positions[0] = env.simulator.positions[1]
    env.simulator.positions[1, 0] += 123.4
    here, there = (np.argwhere(is_body(frame)) for frame in env.render())
    assert len(here) > 200
    np.testing.assert_allclose(here.mean(axis=0), there.mean(axis=0), atol=1.0)
    assert np.abs(here.mean(axis=0) - 120).max() < 40


@needs_graphics
def test_arrows_of_no_length_can_be_drawn(make):
    assert make("HalfCheetahVelocity", [[0.0]]).render()[0].std() > 0


@pytest.mark.parametrize(
    ("env_id", "size"), [*((env_id, 48) for env_id in IDS), ("mamlrl/HalfCheetahVelocity-v0", 700)]
)
def test_pictures_have_the_size_that_is_set(env_id, size):
    env = gymnasium.make_vec(env_id, num_envs=1, render_mode="rgb_array")
    if isinstance(env, LocomotionVectorEnv) and os.environ.get("MUJOCO_GL") not in ("egl", "osmesa"):
        pytest.skip("MuJoCo has nothing here to draw with")
    env.frame_size = size
    env.reset(seed=0)
    assert env.render()[0].shape == (size, size, 3)
    env.close()


# Real time


@pytest.mark.parametrize(("name", "peer"), [("HalfCheetahVelocity", "HalfCheetah-v5"), ("AntVelocity", "Ant-v5")])
def test_frames_a_second_are_those_of_the_simulation(name, peer, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # MuJoCo writes a file about the deprecated way in which Gymnasium sets a mass
    expected = gymnasium.make(peer).metadata["render_fps"]
    kwargs = {"family": "gymnasium"}
    assert gymnasium.make_vec(f"mamlrl/{name}-v0", **kwargs).metadata["render_fps"] == expected
    assert gymnasium.make(f"mamlrl/{name}-v0", **kwargs).metadata["render_fps"] == expected


@pytest.mark.parametrize(("name", "time_step"), [("HalfCheetahVelocity", 0.01), ("AntVelocity", 0.02)])
def test_families_have_frame_rates_of_their_own(name, time_step):
    assert gymnasium.make(f"mamlrl/{name}-v0").metadata["render_fps"] == 1 / time_step
