"""The contracts: what is asked of a policy to act, and of a network to be adapted."""

import pytest
import torch
from samplers import EPISODES, TASKS, make_env, make_sampler, randomness

from mamlrl.networks.gaussian import DiagonalGaussian
from mamlrl.networks.network import Network, Policy


class LinearPolicy(Policy):
    """Nothing but what a policy must have."""

    distribution = DiagonalGaussian(2)

    @property
    def shapes(self):
        return {"layer0.weight": (2, 4), "layer0.bias": (4,)}

    def init(self, generator, dtype=torch.float32):
        return torch.rand(12, generator=generator, dtype=dtype)

    def bind(self, params):
        tensors = self.unflatten(params)
        weight, bias = tensors["layer0.weight"], tensors["layer0.bias"]
        return lambda observations: observations @ weight + bias[..., None, :]


@pytest.mark.parametrize("missing", ["shapes", "init", "bind"])
def test_a_policy_must_have_shapes_initial_parameters_and_a_bound_form(missing):
    members = {name: vars(LinearPolicy)[name] for name in ("shapes", "init", "bind") if name != missing}
    with pytest.raises(TypeError, match=missing):
        type("Incomplete", (Policy,), members)()


def test_a_network_must_be_linearized_too():
    with pytest.raises(TypeError, match="linearize"):
        type("Incomplete", (LinearPolicy, Network), {})()


def test_the_rest_of_a_policy_follows_from_them():
    policy = LinearPolicy()
    assert policy.num_parameters == 12
    params = torch.arange(36.0).view(3, 12)
    tensors = policy.unflatten(params)
    assert [tuple(tensor.shape) for tensor in tensors.values()] == [(3, 2, 4), (3, 4)]
    assert torch.equal(torch.cat([tensor.flatten(1) for tensor in tensors.values()], dim=1), params)
    observations = torch.rand(3, 5, 2)
    assert torch.equal(policy(params, observations), policy.bind(params)(observations))


@pytest.mark.parametrize("each_task_its_own", [False, True])
def test_nothing_else_is_asked_of_a_policy_that_is_sampled(each_task_its_own):
    policy, generator = LinearPolicy(), torch.Generator().manual_seed(0)
    params = policy.init(generator, torch.float64)
    if each_task_its_own:
        params = torch.stack([policy.init(generator, torch.float64) for _ in range(TASKS)])
    rollouts = make_sampler(make_env(), policy=policy).sample(params, randomness())
    for task in range(TASKS):
        weight, bias = (params[task] if each_task_its_own else params).split([8, 4])
        expected = rollouts.observations[task] @ weight.view(2, 4) + bias
        torch.testing.assert_close(rollouts.outputs[task], expected)
    draws = [torch.Generator().manual_seed(seed) for seed in randomness().action_seeds(range(TASKS))]
    noise = torch.stack([policy.distribution.noise((30, EPISODES), draw, torch.float64) for draw in draws])
    time = rollouts.mask.shape[2]
    actions = policy.distribution.sample(rollouts.outputs, noise[:, :time].movedim(1, 2))
    torch.testing.assert_close(rollouts.actions, actions)
