"""Pictures of 2D navigation show the goal and the agent where they are."""

import gymnasium
import numpy as np
import pytest

GREEN, BLACK, GREY = (0, 128, 0), (0, 0, 0), (211, 211, 211)


def make_env(goals, **kwargs):
    env = gymnasium.make_vec("mamlrl/Navigation2D-v0", num_envs=len(goals), render_mode="rgb_array", **kwargs)
    env.set_tasks(np.asarray(goals, dtype=np.float64))
    env.reset(seed=0)
    return env


def pixels(frame, colour):
    """Mean (x, y) and extent of the pixels of a colour, in image coordinates."""
    rows, columns = np.nonzero((frame == colour).all(axis=2))
    return np.array([columns.mean(), rows.mean()]), (columns.min(), columns.max(), rows.min(), rows.max())


def plane_to_pixel(frame, point, goal_range):
    """Where a point belongs, judged by the grey square that spans the goals; y points upwards."""
    _, (left, right, top, bottom) = pixels(frame, GREY)
    fraction = (np.asarray(point) + goal_range) / (2 * goal_range)
    return np.array([left + fraction[0] * (right - left), bottom - fraction[1] * (bottom - top)])


@pytest.mark.parametrize("goal_range", [0.5, 2.0])
@pytest.mark.parametrize("fractions", [(0.6, 0.7), (-0.8, 0.4), (-0.5, -0.9), (0.3, -0.6)])
def test_the_picture_shows_the_goal_where_it_is(goal_range, fractions):
    goal = goal_range * np.array(fractions)
    frame = make_env([goal], goal_range=goal_range).render()[0]
    centre, _ = pixels(frame, GREEN)
    np.testing.assert_allclose(centre, plane_to_pixel(frame, goal, goal_range), atol=1.0)


def test_the_picture_shows_the_agent_where_it_is():
    env = make_env([[-0.5, -0.5]])
    for action in ([0.1, 0.0], [0.0, 0.1], [0.1, 0.1]):
        observations, *_ = env.step(np.array([action]))
        frame = env.render()[0]
        centre, _ = pixels(frame, BLACK)
        np.testing.assert_allclose(centre, plane_to_pixel(frame, observations[0], 0.5), atol=1.0)


def test_each_sub_environment_draws_its_own_goal():
    goals = [[0.4, 0.4], [-0.4, 0.4], [-0.4, -0.4]]
    frames = make_env(goals).render()
    for frame, goal in zip(frames, goals, strict=True):
        np.testing.assert_allclose(pixels(frame, GREEN)[0], plane_to_pixel(frame, goal, 0.5), atol=1.0)
