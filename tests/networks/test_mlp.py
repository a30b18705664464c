from math import log, sqrt

import pytest
import torch

from mamlrl.errors import UserError
from mamlrl.networks.categorical import Categorical
from mamlrl.networks.gaussian import DiagonalGaussian
from mamlrl.networks.mlp import MlpPolicy

SIZES = [(), (6,), (6, 5), (7, 6, 5)]

every_size = pytest.mark.parametrize("hidden_sizes", SIZES, ids=str)
every_activation = pytest.mark.parametrize("activation", ["relu", "tanh"])
every_distribution = pytest.mark.parametrize("distribution", [DiagonalGaussian(2), Categorical(4)], ids=repr)


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def normal(*shape, seed=0):
    return torch.randn(*shape, generator=seeded(seed), dtype=torch.float64)


def sequential(policy, params):
    """An ordinary network with the policy's weights."""
    tensors = policy.unflatten(params)
    sizes = [policy.observation_size, *policy.hidden_sizes, policy.distribution.head_size]
    modules = []
    for layer in range(len(sizes) - 1):
        linear = torch.nn.Linear(sizes[layer], sizes[layer + 1], dtype=params.dtype)
        linear.load_state_dict(
            {"weight": tensors[f"layer{layer}.weight"].T, "bias": tensors[f"layer{layer}.bias"].flatten()}
        )
        modules += [linear, torch.nn.ReLU() if policy.activation == "relu" else torch.nn.Tanh()]
    return torch.nn.Sequential(*modules[:-1])


def expected_outputs(policy, params, observations):
    with torch.no_grad():
        head = sequential(policy, params)(observations)
    if isinstance(policy.distribution, Categorical):
        return head
    return torch.cat([head, params[-policy.distribution.action_size :].expand_as(head)], dim=-1)


@every_size
@every_distribution
def test_number_of_parameters_is_that_of_the_network(hidden_sizes, distribution):
    policy = MlpPolicy(3, distribution, hidden_sizes)
    network = sequential(policy, torch.zeros(policy.num_parameters))
    free = 2 if isinstance(distribution, DiagonalGaussian) else 0
    assert policy.num_parameters == sum(p.numel() for p in network.parameters()) + free
    assert policy.init(seeded()).shape == (policy.num_parameters,)


def test_parameters_of_a_gaussian_policy_are_named_and_ordered():
    policy = MlpPolicy(3, DiagonalGaussian(2), (6, 5))
    assert policy.shapes == {
        "layer0.weight": (3, 6),
        "layer0.bias": (1, 6),
        "layer1.weight": (6, 5),
        "layer1.bias": (1, 5),
        "layer2.weight": (5, 2),
        "layer2.bias": (1, 2),
        "log_std": (1, 2),
    }
    assert list(policy.shapes) == list(policy.unflatten(torch.zeros(policy.num_parameters)))


def test_a_categorical_policy_has_no_standard_deviation():
    policy = MlpPolicy(3, Categorical(4), (6,))
    assert "log_std" not in policy.shapes
    assert policy.shapes["layer1.weight"] == (6, 4)


@every_distribution
@pytest.mark.parametrize("axes", [(), (4,), (2, 3)], ids=str)
def test_unflatten_keeps_leading_axes_and_flattens_back(distribution, axes):
    policy = MlpPolicy(3, distribution, (6, 5))
    params = normal(*axes, policy.num_parameters)
    tensors = policy.unflatten(params)
    assert {name: tensor.shape for name, tensor in tensors.items()} == {
        name: (*axes, *shape) for name, shape in policy.shapes.items()
    }
    assert torch.equal(torch.cat([tensor.flatten(len(axes)) for tensor in tensors.values()], dim=-1), params)


def test_unflatten_returns_views():
    policy = MlpPolicy(3, DiagonalGaussian(2), (6,))
    params = torch.zeros(policy.num_parameters)
    policy.unflatten(params)["log_std"].fill_(3)
    assert params.tolist() == [0.0] * (policy.num_parameters - 2) + [3.0, 3.0]


def test_initial_weights_are_xavier_uniform_and_biases_zero():
    policy = MlpPolicy(30, DiagonalGaussian(20), (60, 50))
    for name, tensor in policy.unflatten(policy.init(seeded())).items():
        if name.endswith("bias"):
            assert not tensor.any()
        elif name.endswith("weight"):
            bound = sqrt(6 / sum(tensor.shape))
            assert tensor.abs().max() <= bound
            assert tensor.max() > 0.98 * bound
            assert tensor.min() < -0.98 * bound
            assert tensor.std() == pytest.approx(bound / sqrt(3), rel=0.1)


@pytest.mark.parametrize("std", [1.0, 0.3, 2.0])
def test_initial_standard_deviation_is_that_of_the_actions(std):
    policy = MlpPolicy(3, DiagonalGaussian(2), (6,), initial_std=std)
    params = policy.init(seeded(), torch.float64)
    assert policy.unflatten(params)["log_std"].tolist() == [pytest.approx([log(std)] * 2)]
    _, log_std = policy(params, normal(5, 3)).chunk(2, dim=-1)
    torch.testing.assert_close(log_std.exp(), torch.full((5, 2), std, dtype=torch.float64))


def test_the_generator_determines_the_initial_parameters():
    policy = MlpPolicy(3, DiagonalGaussian(2), (6,))
    assert torch.equal(policy.init(seeded(1)), policy.init(seeded(1)))
    assert not torch.equal(policy.init(seeded(1)), policy.init(seeded(2)))
    assert policy.init(seeded()).dtype == torch.float32
    assert policy.init(seeded(), torch.float64).dtype == torch.float64


@every_size
@every_activation
@every_distribution
def test_one_set_of_parameters_gives_what_an_ordinary_network_gives(hidden_sizes, activation, distribution):
    policy = MlpPolicy(3, distribution, hidden_sizes, activation)
    params, observations = normal(policy.num_parameters), normal(11, 3, seed=1)
    outputs = policy(params, observations)
    assert outputs.shape == (11, distribution.output_size)
    torch.testing.assert_close(outputs, expected_outputs(policy, params, observations))


@every_size
@every_activation
@every_distribution
def test_parameters_of_each_task_give_what_a_network_for_each_gives(hidden_sizes, activation, distribution):
    policy = MlpPolicy(3, distribution, hidden_sizes, activation)
    params, observations = normal(4, policy.num_parameters), normal(4, 11, 3, seed=1)
    expected = torch.stack([expected_outputs(policy, p, o) for p, o in zip(params, observations, strict=True)])
    torch.testing.assert_close(policy(params, observations), expected)


@every_distribution
@pytest.mark.parametrize("axes", [(), (5,), (5, 6), (5, 6, 2)], ids=str)
def test_observations_may_have_more_leading_axes(distribution, axes):
    policy = MlpPolicy(3, distribution, (6, 5))
    shared, own = normal(policy.num_parameters), normal(4, policy.num_parameters, seed=1)
    observations = normal(4, *axes, 3, seed=2)
    torch.testing.assert_close(policy(shared, observations), expected_outputs(policy, shared, observations))
    expected = torch.stack([expected_outputs(policy, p, o) for p, o in zip(own, observations, strict=True)])
    outputs = policy(own, observations)
    assert outputs.shape == (4, *axes, distribution.output_size)
    torch.testing.assert_close(outputs, expected)


@every_distribution
def test_task_parameters_that_are_all_the_same_act_as_one_set(distribution):
    policy = MlpPolicy(3, distribution, (6, 5))
    params, observations = normal(policy.num_parameters), normal(4, 7, 3, seed=1)
    torch.testing.assert_close(policy(params.expand(4, -1), observations), policy(params, observations))


def test_standard_deviation_has_a_floor_with_no_gradient_below_it():
    policy = MlpPolicy(3, DiagonalGaussian(2), (6,), min_std=0.1)
    params = normal(policy.num_parameters)
    params[-2:] = torch.tensor([log(0.01), log(0.5)])
    params.requires_grad_()
    _, log_std = policy(params, normal(5, 3, seed=1)).chunk(2, dim=-1)
    torch.testing.assert_close(
        log_std.detach().exp(), torch.tensor([[0.1, 0.5]], dtype=torch.float64).expand(5, 2)
    )
    log_std.sum().backward()
    assert params.grad[-2:].tolist() == [0.0, 5.0]


@pytest.mark.parametrize("activation", ["gelu", "ReLU", None])
def test_a_nonlinearity_that_there_is_not_is_refused(activation):
    with pytest.raises(UserError, match=r"^activation must be one of relu, tanh, got "):
        MlpPolicy(2, DiagonalGaussian(2), (4,), activation)
