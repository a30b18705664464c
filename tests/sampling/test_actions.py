"""Actions on their way from the policy to the environment."""

import numpy as np
import pytest
import torch
from gymnasium.spaces import Box, Discrete, MultiBinary, MultiDiscrete
from samplers import ClockEnv, ScriptedPolicy, make_sampler, randomness, sample_fake

from mamlrl.errors import UserError
from mamlrl.sampling.actions import ActionScaling, absurd_magnitude, check_room
from mamlrl.sampling.settings import SamplingConfig


@pytest.mark.parametrize(
    ("rescale", "bound", "action", "expected"),
    [
        (True, 1.0, [-1.0, 1.0], [-2.0, 0.5]),
        (True, 1.0, [0.0, 0.0], [2.0, 0.25]),
        (True, 1.0, [0.5, -0.5], [4.0, 0.125]),
        (True, 1.0, [3.0, -3.0], [6.0, 0.0]),
        (True, 10.0, [-10.0, 10.0], [-2.0, 0.5]),
        (True, 10.0, [5.0, -1.0], [4.0, 0.225]),
        (True, 0.5, [0.25, -7.0], [4.0, 0.0]),
        (False, 1.0, [3.0, 0.25], [3.0, 0.25]),
        (False, 10.0, [7.0, -0.1], [6.0, 0.0]),
        (False, 1.0, [-7.0, 0.6], [-2.0, 0.5]),
    ],
)
def test_actions_are_rescaled_and_clipped_to_the_bounds(rescale, bound, action, expected):
    bounds = Box(np.array([-2.0, 0.0]), np.array([6.0, 0.5]), dtype=np.float64)
    env = ClockEnv(num_envs=2, horizon=1, action_space=bounds)
    policy = ScriptedPolicy(torch.tensor(action, dtype=torch.float64).expand(1, 2, 2))
    sampler = make_sampler(env, 1, policy, rescale_actions=rescale, action_bound=bound)
    rollouts = sampler.sample(torch.zeros(1), randomness())
    np.testing.assert_allclose(env.received[0], [expected, expected], atol=1e-12)
    assert rollouts.actions[0, 0, 0].tolist() == action


@pytest.mark.parametrize("rescale", [True, False])
def test_actions_without_bounds_reach_the_environment_as_they_are(rescale):
    env = ClockEnv(num_envs=2, horizon=1, action_space=Box(-np.inf, np.inf, (2,)))
    policy = ScriptedPolicy(torch.tensor([0.5, -30.0], dtype=torch.float64).expand(1, 2, 2))
    make_sampler(env, 1, policy, rescale_actions=rescale).sample(torch.zeros(1), randomness())
    assert env.received[0].tolist() == [[0.5, -30.0]] * 2


def test_discrete_actions_reach_the_environment_as_they_are():
    env = ClockEnv(num_envs=6, horizon=1, action_space=Discrete(7))
    actions = torch.tensor([[0, 1, 2], [3, 4, 6]])
    rollouts = sample_fake(env, actions=actions)
    assert env.received[0].tolist() == [0, 1, 2, 3, 4, 6]
    assert torch.equal(rollouts.actions[:, :, 0], actions)


@pytest.mark.parametrize(
    ("space", "actions", "expected"),
    [
        (Discrete(3, start=5), [0, 2], [5, 7]),
        (MultiDiscrete([2, 3], start=[-1, 4]), [[0, 2], [1, 0]], [[-1, 6], [0, 4]]),
        (MultiDiscrete(np.array([[2], [3]])), [[0, 2], [1, 0]], [[[0], [2]], [[1], [0]]]),
        (MultiBinary(2), [[0, 1], [1, 1]], [[0, 1], [1, 1]]),
        (MultiBinary([1, 2]), [[0, 1], [1, 1]], [[[0, 1]], [[1, 1]]]),
    ],
    ids=str,
)
def test_choices_get_the_shape_and_the_first_value_of_their_space(space, actions, expected):
    env = ClockEnv(num_envs=2, horizon=1, action_space=space)
    rollouts = sample_fake(env, num_tasks=1, actions=torch.tensor(actions)[None])
    assert env.received[0].tolist() == expected
    assert rollouts.actions[0, :, 0].tolist() == actions


def test_only_dimensions_with_two_bounds_are_rescaled():
    bounds = Box(
        np.array([[-2.0, 0.0], [-np.inf, -np.inf]]), np.array([[6.0, np.inf], [1.0, np.inf]]), dtype=np.float64
    )
    env = ClockEnv(num_envs=2, horizon=1, action_space=bounds)
    actions = torch.tensor([[0.5, -3.0, 2.0, -7.0], [-2.0, 3.0, 0.5, 9.0]], dtype=torch.float64)
    make_sampler(env, 1, ScriptedPolicy(actions[None])).sample(torch.zeros(1), randomness())
    assert env.received[0].tolist() == [[[4, 0], [1, -7]], [[-2, 3], [0.5, 9]]]
    limit = absurd_magnitude(bounds, ActionScaling.of(bounds, 2.0), 2.0)
    assert limit == 2e6


@pytest.mark.parametrize("space", [Discrete(1), MultiDiscrete([1, 1])], ids=str)
def test_a_space_of_one_action_leaves_nothing_to_choose(space):
    check_room("name", MultiDiscrete([1, 2]))
    with pytest.raises(UserError, match="name leaves nothing to choose"):
        check_room("name", space)


@pytest.mark.parametrize("bound", [1.0, 10.0, 0.5])
def test_the_scaling_maps_the_bounds_of_outputs_to_those_of_actions(bound):
    bounds = Box(np.array([-2.0, 0.0], np.float32), np.array([6.0, 0.5], np.float32))
    scaling = ActionScaling.of(bounds, bound)
    assert scaling.scale.dtype == scaling.centre.dtype == np.float64
    np.testing.assert_allclose(scaling(np.array([-bound, -bound])), bounds.low)
    np.testing.assert_allclose(scaling(np.array([bound, bound])), bounds.high)
    np.testing.assert_allclose(scaling(np.zeros((3, 4, 2))), np.broadcast_to([2.0, 0.25], (3, 4, 2)))
    np.testing.assert_allclose(
        scaling(np.array([2 * bound, 0.0])), [10.0, 0.25]
    )  # clipping is up to the environment


@pytest.mark.parametrize(
    "space",
    [Box(-np.inf, np.inf, (2,)), Box(0.0, np.inf, (2,)), Box(-np.inf, 0.0, (2,)), Discrete(7)],
    ids=str,
)
def test_spaces_without_bounds_have_no_scaling(space):
    assert ActionScaling.of(space, 1.0) is None


@pytest.mark.parametrize("rescale", [True, False])
def test_the_sampler_applies_the_scaling_of_its_settings(rescale):
    bounds = Box(np.array([-2.0, 0.0]), np.array([6.0, 0.5]), dtype=np.float64)
    env = ClockEnv(num_envs=6, horizon=1, action_space=bounds)
    actions = torch.rand(2, 3, 2, generator=torch.Generator().manual_seed(0), dtype=torch.float64) / 2
    settings = {"rescale_actions": rescale, "action_bound": 3.0}
    make_sampler(env, 2, ScriptedPolicy(actions), **settings).sample(torch.zeros(1), randomness())
    scaling = SamplingConfig(**settings).action_scaling(bounds)
    assert (scaling is not None) == rescale
    outputs = actions.flatten(0, 1).numpy()
    np.testing.assert_array_equal(env.received[0], scaling(outputs) if scaling else outputs)
