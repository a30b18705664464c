"""What an ordinary environment returns from `step` is checked in every step, not only in the first."""

import numpy as np
import pytest
from ordinary_envs import LaterWrong

from mamlrl.envs.gymnasium_adapter import task_env
from mamlrl.envs.task_env import SubEnvError
from mamlrl.errors import UserError
from mamlrl.sampling.creators import find_creator

OBSERVATION = r"ValueError: step returned an observation of shape {}; its space has shape \(2,\) and type float32"


def made(part, value):
    return task_env(
        lambda **kwargs: LaterWrong(part, value, **kwargs),
        lambda rng, num_tasks: rng.uniform(-1, 1, (num_tasks, 2)),
        lambda env, task: setattr(env, "goal", task),
    )(2, horizon=5)


@pytest.mark.parametrize(
    ("part", "value", "message"),
    [
        (0, np.zeros(3), OBSERVATION.format(r"\(3,\) and type float64")),
        (0, np.array(["1", "2"]), OBSERVATION.format(r"\(2,\) and type <U1")),
        (0, np.array([1j, 0]), OBSERVATION.format(r"\(2,\) and type complex128")),
        (0, [None, 1.0], OBSERVATION.format(r"\(2,\) and type object")),
        (0, 0.5, OBSERVATION.format(r"\(\) and type float64")),
        (1, "7", "step returned reward '7'; it must be a number"),
        (1, np.complex128(1 + 1j), "it must be a number"),
        (1, np.ones(1), r"step returned reward array\(\[1.\]\); it must be a number"),
        (1, None, "step returned reward None; it must be a number"),
        (2, None, "step returned terminated None; it must be True or False"),
        (2, "False", "step returned terminated 'False'; it must be True or False"),
        (3, np.array([True, False]), r"truncated array\(\[ True, False\]\); it must be True or False"),
    ],
)
def test_what_is_wrong_later_is_told_and_never_converted(part, value, message):
    env = made(part, value)
    for seed, steps in enumerate((5, 2)):
        env.reset(seed=seed)
        for _ in range(steps):
            env.step(np.zeros((2, 2)))
    with pytest.raises(SubEnvError, match=message):
        env.step(np.zeros((2, 2)))


@pytest.mark.parametrize(
    ("part", "value", "found"),
    [
        (0, [3, 4], [3, 4]),
        (0, np.array([3.0, 4.0]), [3, 4]),
        (0, np.array([3, 4], np.int8), [3, 4]),
        (1, 7, 7),
        (1, np.float32(7), 7),
        (1, np.array(7), 7),
        (1, True, 1),
        (2, 1, True),
        (2, np.bool_(True), True),
        (3, np.array(True), True),
    ],
)
def test_other_types_that_mean_the_same_are_taken(part, value, found):
    env = made(part, value)
    for seed in range(2):
        env.reset(seed=seed)
        for _ in range(3):
            parts = env.step(np.zeros((2, 2)))
    np.testing.assert_array_equal(parts[part], np.array([found, found]))


def test_the_nearest_id_is_of_all_that_are_registered():
    for name, nearest in (("CartPole-v7", "CartPole-v1"), ("mamlrl/AntGaol-v0", "mamlrl/AntGoal-v0")):
        with pytest.raises(UserError, match=f"no environment '{name}'; did you mean {nearest}?"):
            find_creator(name)
