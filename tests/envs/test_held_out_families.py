"""Our families' tasks to evaluate on that training cannot draw."""

import gymnasium
import numpy as np
import pytest
from scipy import stats

from mamlrl.envs.ant import LEGS
from mamlrl.envs.held_out import sample_shell

GOAL = {"goal_range": 1.0, "test_goal_range": 2.0}
CASES = {  # arguments, and whether each task is one to train on
    "Navigation2D": (GOAL, lambda tasks: np.abs(tasks).max(axis=1) <= 1),
    "AntGoal": (GOAL, lambda tasks: np.abs(tasks).max(axis=1) <= 1),
    "AntVelocity": ({"velocity_range": (0, 1), "test_velocity_range": (1, 3)}, lambda tasks: tasks[:, 0] <= 1),
    "HalfCheetahVelocity": ({"test_velocity_range": (-1, 0)}, lambda tasks: tasks[:, 0] >= 0),
    "HalfCheetahParameters": (
        {"max_factor": 1.5, "test_max_factor": 2.0},
        lambda tasks: np.abs(np.log(tasks)).max(axis=1) <= np.log(1.5),
    ),
    "HalfCheetahCrippled": ({"held_out_joints": [0, 5]}, lambda tasks: (tasks[:, [0, 5]] == 1).all(axis=1)),
    "AntCrippled": ({"held_out_legs": [3]}, lambda tasks: (tasks[:, LEGS[3]] == 1).all(axis=1)),
}


def make(name, num_envs=2, **kwargs):
    return gymnasium.make_vec(f"mamlrl/{name}-v0", num_envs=num_envs, **kwargs)


@pytest.mark.parametrize("name", CASES)
def test_training_and_validation_draw_inside_and_evaluation_outside(name):
    kwargs, is_trained = CASES[name]
    env = make(name, **kwargs)
    draws = [env.sample_tasks, env.sample_validation_tasks, env.sample_test_tasks]
    train, validation, test = (draw(np.random.default_rng(0), 500) for draw in draws)
    assert is_trained(train).all()
    assert is_trained(validation).all()
    assert not is_trained(test).any()
    for task in (*train[:20], *test[:20]):
        assert env.task_space.contains(task)
    env.set_tasks(np.stack([train[0], test[0]]))
    env.reset(seed=0)
    env.step(np.zeros(env.action_space.shape))


@pytest.mark.parametrize("name", CASES)
def test_training_tasks_are_those_without_held_out_ones(name):
    """But for crippled limbs, of which fewer are left."""
    kwargs, _ = CASES[name]
    plain = {key: value for key, value in kwargs.items() if not key.startswith(("test", "held_out"))}
    tasks, others = (make(name, **each).sample_tasks(np.random.default_rng(1), 50) for each in (kwargs, plain))
    if "Crippled" in name:
        assert len(np.unique(tasks, axis=0)) < len(np.unique(others, axis=0))
    else:
        np.testing.assert_array_equal(tasks, others)


@pytest.mark.parametrize("dimensions", [1, 2, 4])
def test_points_of_a_shell_are_uniform(dimensions):
    points = sample_shell(np.random.default_rng(0), 0.8, 1.0, (20_000, dimensions))
    largest = np.abs(points).max(axis=1)
    assert 0.8 <= largest.min() < largest.max() <= 1
    # As those of the larger cube that are not in the smaller
    cube = np.random.default_rng(1).uniform(-1, 1, (100_000, dimensions))
    outside = cube[np.abs(cube).max(axis=1) > 0.8]
    assert stats.ks_2samp(largest, np.abs(outside).max(axis=1)).pvalue > 1e-3
    for axis in range(dimensions):
        assert stats.ks_2samp(points[:, axis], outside[:, axis]).pvalue > 1e-3


@pytest.mark.parametrize(
    ("name", "kwargs", "words"),
    [
        ("Navigation2D", {"test_goal_range": 0.4}, "test_goal_range must be a number above 0.5"),
        ("AntGoal", {"test_goal_range": 3.0}, "test_goal_range must be a number above 3.0"),
        (
            "AntVelocity",
            {"test_velocity_range": (2, 4)},
            "test_velocity_range must not overlap the range to train",
        ),
        ("AntVelocity", {"test_velocity_range": (4, 3)}, "test_velocity_range must be two numbers in increasing"),
        ("AntParameters", {"test_max_factor": 1.5}, "test_max_factor must be a number above 2.0"),
        ("AntCrippled", {"held_out_legs": [4]}, "held_out_legs must be some of the numbers from 0 to 3"),
        ("AntCrippled", {"held_out_legs": [0, 1, 2, 3]}, "held_out_legs .* and not all"),
        ("HalfCheetahCrippled", {"held_out_joints": [1, 1]}, "held_out_joints must be some of the numbers"),
        ("HalfCheetahCrippled", {"held_out_joints": 2}, "held_out_joints must be some of the numbers"),
        ("HalfCheetahCrippled", {"held_out_joints": ["1"]}, "held_out_joints must be some of the numbers"),
    ],
)
def test_held_out_tasks_that_are_none_are_refused(name, kwargs, words):
    with pytest.raises(ValueError, match=f"^{words}"):
        make(name, **kwargs)
