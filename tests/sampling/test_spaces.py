"""Spaces as plain values, and what a policy needs to act without its environment."""

import json

import numpy as np
import pytest
from env_cases import FAMILIES, make_batch
from gymnasium.spaces import Box, Dict, Discrete, MultiBinary, MultiDiscrete, Tuple
from samplers import ClockEnv

from mamlrl.errors import UserError
from mamlrl.sampling.settings import SamplingConfig
from mamlrl.sampling.spaces import plain_interface, plain_space, restore_space

SPACES = [
    Box(-1, 1, (3,), np.float64),
    Box(np.array([-2.0, 0.1], np.float32), np.array([6.0, 0.7], np.float32)),
    Box(-np.inf, np.inf, (2,), np.float64),
    Box(np.array([0.0, -np.inf]), np.array([np.inf, 1 / 3]), dtype=np.float64),
    Box(0, 255, (4, 4, 3), np.uint8),
    Box(-1, 1, (), np.float64),
    Discrete(7),
    Discrete(3, start=-1),
    MultiDiscrete([2, 5], start=[-1, 3]),
    MultiDiscrete(np.array([[2, 5], [1, 3]]), np.int32),
    MultiBinary(3),
    MultiBinary([2, 3]),
]


def as_read_again(plain):
    """What JSON makes of plain values, which must be nothing else."""
    return json.loads(json.dumps(plain))


@pytest.mark.parametrize("space", SPACES, ids=str)
def test_a_restored_space_equals_the_one_described(space):
    restored = restore_space(as_read_again(plain_space(space)))
    assert restored == space
    assert restored.dtype == space.dtype
    assert type(restored) is type(space)


@pytest.mark.parametrize("case", FAMILIES, ids=str)
def test_spaces_of_every_environment_are_restored(case):
    env = make_batch(case)
    plain = as_read_again(plain_interface(env, SamplingConfig()))
    assert restore_space(plain["observation_space"]) == env.single_observation_space
    assert restore_space(plain["action_space"]) == env.single_action_space
    env.close()


@pytest.mark.parametrize("space", [Tuple(SPACES[:2]), Dict(position=SPACES[0])], ids=str)
def test_other_spaces_are_refused_by_name(space):
    with pytest.raises(UserError, match="must be a Box, Discrete, MultiDiscrete or MultiBinary") as refused:
        plain_space(space)
    assert str(space) in str(refused.value)


@pytest.mark.parametrize(
    ("space", "rescale", "expected"),
    [
        (Box(np.array([-2.0, 0.0]), np.array([6.0, 0.5]), dtype=np.float64), True, ([2.0, 0.125], [2.0, 0.25])),
        (Box(np.array([-2.0, 0.0]), np.array([6.0, 0.5]), dtype=np.float64), False, None),
        (Box(-np.inf, np.inf, (2,)), True, None),
        (Discrete(7), True, None),
    ],
    ids=["bounded", "as it is", "unbounded", "discrete"],
)
def test_the_interface_has_the_scaling_where_there_is_one(space, rescale, expected):
    sampling = SamplingConfig(rescale_actions=rescale, action_bound=2.0)
    plain = as_read_again(plain_interface(ClockEnv(action_space=space), sampling))
    assert plain.keys() == {"observation_space", "action_space", "action_scaling"}
    scaling = None if expected is None else dict(zip(("scale", "centre"), expected, strict=True))
    assert plain["action_scaling"] == scaling
