"""Actions on their way from the policy to the environment."""

import numpy as np
import pytest
import torch
from gymnasium.spaces import Box, Discrete
from samplers import ClockEnv, ScriptedPolicy, make_sampler, randomness, sample_fake


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
