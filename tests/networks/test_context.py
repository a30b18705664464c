"""A policy with a context against an ordinary policy that sees the context as a part of every observation."""

import pytest
import torch
from problems import OBSERVATION_SIZE

from mamlrl.networks.categorical import Categorical
from mamlrl.networks.context import ContextPolicy
from mamlrl.networks.gaussian import DiagonalGaussian
from mamlrl.networks.mlp import MlpPolicy

TASKS, SAMPLES, CONTEXT = 3, 6, 2


@pytest.fixture(params=[(), (5,), (5, 4)], ids=str)
def sizes(request):
    return request.param


@pytest.fixture(params=[DiagonalGaussian(2), Categorical(4)], ids=repr)
def policy(request, sizes):
    return ContextPolicy(MlpPolicy(OBSERVATION_SIZE, request.param, sizes, "tanh"), CONTEXT)


def normal(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@pytest.fixture
def params(policy):
    return normal(TASKS, policy.num_parameters)


@pytest.fixture
def observations():
    return normal(TASKS, SAMPLES, OBSERVATION_SIZE, seed=1)


def plain(policy, params, observations):
    """Outputs of one task by an ordinary policy on observations with the context appended."""
    without = policy.without
    wide = MlpPolicy(OBSERVATION_SIZE + CONTEXT, policy.distribution, without.hidden_sizes, without.activation)
    context = params[-CONTEXT:].expand(len(observations), -1)
    return wide(params[:-CONTEXT], torch.cat([observations, context], dim=-1))


def of_each_task(function, *arguments):
    return torch.stack([function(*each) for each in zip(*arguments, strict=True)])


def test_outputs_are_those_with_the_context_appended(policy, params, observations):
    expected = of_each_task(lambda p, x: plain(policy, p, x), params, observations)
    torch.testing.assert_close(policy(params, observations), expected)
    torch.testing.assert_close(policy.bind(params)(observations), expected)
    torch.testing.assert_close(policy.linearize(params, observations).outputs, expected)
    torch.testing.assert_close(policy(params[0], observations[0]), expected[0])


def test_the_context_comes_last_and_starts_at_zero(policy):
    tensors = policy.unflatten(policy.init(torch.Generator().manual_seed(0)))
    assert list(tensors)[-1] == "context"
    assert tensors["context"].tolist() == [[0.0, 0.0]]
    assert tensors["layer0.weight"].shape[0] == OBSERVATION_SIZE + CONTEXT
    assert tensors["layer0.weight"].all()


def test_jvp_is_torch_funcs(policy, params, observations):
    tangents = normal(*params.shape, seed=2)
    expected = of_each_task(
        lambda p, x, v: torch.func.jvp(lambda q: plain(policy, q, x), (p,), (v,))[1],
        params,
        observations,
        tangents,
    )
    torch.testing.assert_close(policy.linearize(params, observations).jvp(tangents), expected)


def test_vjp_is_torch_funcs(policy, params, observations):
    cotangents = normal(TASKS, SAMPLES, policy.distribution.output_size, seed=2)
    expected = of_each_task(
        lambda p, x, u: torch.func.vjp(lambda q: plain(policy, q, x), p)[1](u)[0], params, observations, cotangents
    )
    torch.testing.assert_close(policy.linearize(params, observations).vjp(cotangents), expected)


def test_hessian_is_torch_funcs(policy, params, observations):
    """Of the sum of cubes of the outputs, whose derivatives in the outputs are known."""
    tangents = normal(*params.shape, seed=2)

    def product(p, x, v):
        return torch.func.hessian(lambda q: plain(policy, q, x).pow(3).sum())(p) @ v

    linearization = policy.linearize(params, observations)
    outputs = linearization.outputs
    hessian = linearization.hessian(3 * outputs.square(), lambda t: 6 * outputs * t)
    torch.testing.assert_close(hessian(tangents), of_each_task(product, params, observations, tangents))
