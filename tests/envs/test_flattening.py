"""Observations of every space that Gymnasium can flatten, and the refusal of others."""

from copy import deepcopy

import gymnasium
import numpy as np
import pytest
from gymnasium.spaces import Box, Dict, Discrete, Graph, MultiBinary, MultiDiscrete, OneOf, Sequence, Text, Tuple
from gymnasium.spaces.utils import flatten, flatten_space
from ordinary_envs import Robot

from mamlrl.envs.adapter.flattening import FlatObservation, flattened
from mamlrl.envs.gymnasium_adapter import task_env
from mamlrl.errors import UserError
from mamlrl.sampling.conformance import check_task_env

BOX = Box(-1, 1, (2,), np.float32)
SPACES = [
    Box(-1, 1, (2, 3), np.float64),
    Box(-1, 1, (), np.float64),
    Box(0, 255, (64, 64, 3), np.uint8),
    Discrete(4, start=-2),
    MultiDiscrete([2, 3], start=[5, 0]),
    MultiBinary([2, 2]),
    Dict(near=BOX, far=Dict(gear=Discrete(3), lamp=MultiBinary(2))),
    Tuple((BOX, Discrete(2), Tuple((Box(0, 9, (1, 2), np.int64), MultiDiscrete([2, 2]))))),
    OneOf([BOX, Discrete(4)]),
]
UNFIT = [Sequence(BOX), Graph(BOX, None), Text(5), Dict(words=Text(3), place=BOX), Tuple((BOX, Sequence(BOX)))]


class Showing(gymnasium.Env):
    """Shows one observation of a space after the other."""

    def __init__(self, space, shown=None):
        self.observation_space, self.action_space = space, Discrete(2)
        self.shown = shown
        self.speed = 0

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.observation_space.seed(seed)
        return self._next(), {}

    def step(self, action):
        return self._next(), 1.0, False, False, {}

    def _next(self):
        self.last = self.observation_space.sample() if self.shown is None else self.shown
        return self.last


def family(make):
    def set_speed(env, speed):
        env.unwrapped.speed = speed

    return task_env(make, lambda rng, n: rng.uniform(0.1, 1, n), set_speed)


@pytest.mark.parametrize("space", SPACES, ids=lambda space: type(space).__name__)
def test_observations_are_those_that_gymnasium_flattens(space):
    env = family(lambda: Showing(deepcopy(space)))(2, horizon=3)
    assert env.single_observation_space == flatten_space(space)
    for step in range(3):
        observations = env.step(np.zeros(2, int))[0] if step else env.reset(seed=0)[0]
        for observation, alone in zip(observations, env._workers._batch.sub_envs, strict=True):
            np.testing.assert_array_equal(observation, flatten(space, alone.env.unwrapped.last))
    assert alone.env.unwrapped.speed == env.tasks[1]  # the task is set inside


@pytest.mark.parametrize("workers", [0, 2])
def test_parts_of_a_dict_lie_in_the_order_of_their_keys(workers):
    env = family(Robot)(3, horizon=4, workers=workers)
    env.set_tasks(np.array([[0.1], [0.2], [0.3]]))
    first, _ = env.reset(seed=3)
    kept = first.copy()
    later, rewards, *_ = env.step(np.array([[0, 1], [1, -1], [1, 0]]))
    env.close()
    np.testing.assert_array_equal(first, kept)  # though the environment returns its own memory
    assert first.shape == (3, 9)
    assert (first[:, 2:6] >= 95).all()  # the picture
    np.testing.assert_array_equal(later[:, 6:], [[0, 1, 0], [0, 0, 1], [0, 0, 1]])
    moved = later[:, :2] - first[:, :2]
    np.testing.assert_allclose(moved, [[0.1, 0], [0, -0.2], [0, 0]], atol=1e-6)
    np.testing.assert_allclose(rewards, later[:, 0] - np.abs(later[:, 1]), atol=1e-6)


def test_such_environments_keep_all_promises():
    env = family(Robot)(3, horizon=4)
    check_task_env(env)
    env.close()


def test_vectors_are_left_alone():
    made = flattened(lambda: Showing(BOX), "name")()
    assert not isinstance(made, FlatObservation)


@pytest.mark.parametrize("space", UNFIT, ids=str)
def test_spaces_without_vectors_are_refused_in_one_line(space):
    with pytest.raises(UserError, match=r"^env.id: .* has observations [^\n]*cannot be flattened[^\n]*$"):
        family(lambda: Showing(space))(2, horizon=3)


def test_pictures_have_a_size_that_is_said():
    large = Box(0, 255, (65, 64, 3), np.uint8)
    with pytest.raises(UserError, match=r"observations of 12480 numbers.* at most 12288 .64 x 64 pixels"):
        flattened(lambda: Showing(large), "name")()


@pytest.mark.parametrize(
    ("space", "shown", "message"),
    [
        (
            SPACES[0],
            np.zeros((3, 2)),
            r"must have shape \(2, 3\) and type float64, got shape \(3, 2\)",
        ),
        (SPACES[3], 2, r"observation must be in Discrete\(4, start=-2\), got 2"),
        (SPACES[4], np.array([5, -1]), "observation must be in MultiDiscrete"),
        (
            SPACES[6],
            {"near": np.zeros(2, np.float32)},
            "must have the keys near, far, got the keys near",
        ),
        (
            SPACES[6],
            {"near": np.zeros(2), "far": {"gear": 3, "lamp": np.zeros(2, np.int8)}},
            r"observation\['far'\]\['gear'\] must be in Discrete\(3\), got 3",
        ),
        (SPACES[7], (np.zeros(2), 0), "observation must be a tuple of 3, got"),
        (SPACES[7], (np.zeros(1), 0, 0), r"observation\[0\] must have shape \(2,\)"),
    ],
    ids=range(7),
)
def test_observations_that_are_none_of_their_space_name_the_method_and_the_part(space, shown, message):
    with pytest.raises(UserError, match=f"^env.id: .*: reset raised ValueError: [^\n]*{message}"):
        family(lambda: Showing(space, shown))(2, horizon=3)
