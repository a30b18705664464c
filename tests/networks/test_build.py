import numpy as np
import pytest
import torch
from gymnasium.spaces import Box, Dict, Discrete, MultiBinary, MultiDiscrete, Text, Tuple
from torch import nn

from mamlrl.errors import UserError
from mamlrl.networks.action_spaces import action_distribution, same_actions
from mamlrl.networks.bernoulli import Bernoulli
from mamlrl.networks.build import PolicyConfig, make_policy
from mamlrl.networks.categorical import Categorical
from mamlrl.networks.gaussian import DiagonalGaussian
from mamlrl.networks.mlp import MlpPolicy
from mamlrl.networks.multi_categorical import MultiCategorical

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
    ("space", "distribution"),
    [
        (Box(-1, 1, (2, 3), np.float64), DiagonalGaussian(6)),
        (Box(-1, 1, (), np.float64), DiagonalGaussian(1)),
        (Discrete(3, start=1), Categorical(3)),
        (MultiDiscrete([2, 3], start=[4, 5]), MultiCategorical((2, 3))),
        (MultiDiscrete(np.array([[2, 3], [4, 1]])), MultiCategorical((2, 3, 4, 1))),
        (MultiBinary(3), Bernoulli(3)),
        (MultiBinary([2, 3]), Bernoulli(6)),
    ],
    ids=str,
)
def test_actions_have_the_distribution_of_their_space(space, distribution):
    assert action_distribution(space) == distribution
    assert make_policy(BOX, space, PolicyConfig((8,))).distribution == distribution


def test_boxes_of_whole_numbers_are_refused():
    with pytest.raises(UserError, match=r"whole numbers.*MultiDiscrete"):
        make_policy(BOX, Box(0, 4, (2,), np.int64), PolicyConfig((8,)))


@pytest.mark.parametrize("space", [MultiDiscrete([2, 3]), MultiBinary(3)], ids=str)
def test_policies_for_other_actions_are_refused(space):
    assert same_actions(action_distribution(space), action_distribution(space))
    for other in (MultiDiscrete([3, 2]), MultiBinary(2), Discrete(6), Box(-1, 1, (3,)), Box(-1, 1, (5,))):
        assert not same_actions(action_distribution(space), action_distribution(other))
    own = make_policy(BOX, Discrete(6), PolicyConfig((8,)))
    with pytest.raises(UserError, match="does not fit the actions"):
        make_policy(BOX, space, PolicyConfig(architecture=own))


@pytest.mark.parametrize("space", [MultiDiscrete([2, 3]), MultiBinary(3)], ids=str)
def test_modules_serve_discrete_actions_of_every_kind(space):
    size = action_distribution(space).head_size
    policy = make_policy(BOX, space, PolicyConfig(architecture=nn.Sequential(nn.Linear(3, size))))
    assert policy.num_parameters == 4 * size
    assert policy(torch.zeros(policy.num_parameters), torch.zeros(7, 3)).shape == (7, size)


@pytest.mark.parametrize("space", [Dict(force=BOX), Tuple((BOX, BOX)), Text(3), Box(-1, 1, (0,))], ids=str)
def test_actions_without_a_distribution_are_refused_by_name(space):
    with pytest.raises(UserError) as raised:
        make_policy(BOX, space, PolicyConfig())
    assert str(space) in str(raised.value)
    assert "action" in str(raised.value)
