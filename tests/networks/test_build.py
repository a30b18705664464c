import numpy as np
import pytest
from gymnasium.spaces import Box, Dict, Discrete, MultiBinary, MultiDiscrete, Tuple

from mamlrl.errors import UserError
from mamlrl.networks.build import PolicyConfig, make_policy
from mamlrl.networks.categorical import Categorical
from mamlrl.networks.gaussian import DiagonalGaussian
from mamlrl.networks.mlp import MlpPolicy

BOX = Box(-1, 1, (3,), np.float64)


def test_make_policy_for_a_box_is_gaussian():
    config = PolicyConfig((8, 4), "tanh", initial_std=0.5, min_std=0.01)
    policy = make_policy(BOX, Box(-1, 1, (2,), np.float32), config)
    assert policy == MlpPolicy(3, DiagonalGaussian(2), (8, 4), "tanh", 0.5, 0.01)


def test_make_policy_for_discrete_actions_is_categorical():
    policy = make_policy(BOX, Discrete(4), PolicyConfig((8,)))
    assert policy == MlpPolicy(3, Categorical(4), (8,), "relu", 1.0, 1e-6)


@pytest.mark.parametrize(
    "space",
    [
        Box(0, 255, (4, 4, 3), np.uint8),
        Box(-1, 1, (), np.float64),
        Box(-1, 1, (0,), np.float64),
        Dict(position=BOX),
        Tuple((BOX, BOX)),
        Discrete(3),
        MultiBinary(3),
    ],
    ids=str,
)
def test_observations_that_are_not_vectors_are_refused_by_name(space):
    with pytest.raises(UserError) as raised:
        make_policy(space, BOX, PolicyConfig())
    assert str(space) in str(raised.value)
    assert "observation" in str(raised.value)


@pytest.mark.parametrize(
    "space",
    [
        Box(-1, 1, (2, 2), np.float64),
        Box(-1, 1, (), np.float64),
        Dict(force=BOX),
        Tuple((BOX, BOX)),
        Discrete(3, start=1),
        MultiDiscrete([2, 3]),
        MultiBinary(3),
    ],
    ids=str,
)
def test_actions_without_a_distribution_are_refused_by_name(space):
    with pytest.raises(UserError) as raised:
        make_policy(BOX, space, PolicyConfig())
    assert str(space) in str(raised.value)
    assert "action" in str(raised.value)
