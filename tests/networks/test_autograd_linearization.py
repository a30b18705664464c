import gc
import weakref
from dataclasses import dataclass

import pytest
import torch
from problems import make_batch, make_inner_losses, make_params, make_policy, relative_error

from mamlrl.losses.derivatives import FisherProduct, HessianProduct, task_gradients
from mamlrl.networks.autograd_linearization import AutogradLinearization
from mamlrl.networks.mlp import MlpPolicy


@dataclass(frozen=True)
class PlainPolicy(MlpPolicy):
    """An MLP policy that leaves its derivatives to autograd."""

    def linearize(self, params, observations):
        return AutogradLinearization(lambda point: self(point, observations), params)


@pytest.fixture(params=[False, True], ids=["gaussian", "categorical"])
def policies(request):
    policy = make_policy(discrete=request.param)
    plain = PlainPolicy(policy.observation_size, policy.distribution, policy.hidden_sizes, policy.activation)
    return policy, plain


def test_products_are_those_written_by_hand(policies):
    params = make_params(policies[0], tasks=3)
    vectors = torch.randn_like(params)
    batch = make_batch(policies[0], params)
    cotangents = torch.randn_like(batch.outputs)
    results = []
    for policy in policies:
        (losses,) = make_inner_losses(policy, params, steps=1)
        network = policy.linearize(params, batch.observations)
        products = [network.outputs.detach(), network.jvp(vectors), network.vjp(cotangents)]
        products.append(task_gradients(losses, params))
        products.append(HessianProduct(losses, params)(vectors))
        products.append(FisherProduct(policy, params, batch)(vectors))
        results.append(products)
    for by_hand, by_autograd in zip(*results, strict=True):
        assert not by_autograd.requires_grad
        assert relative_error(by_autograd, by_hand) < 1e-12


def test_a_product_can_be_taken_again(policies):
    params = make_params(policies[1], tasks=3)
    (losses,) = make_inner_losses(policies[1], params, steps=1)
    hessian = HessianProduct(losses, params)
    vectors = torch.randn_like(params)
    twice = hessian(hessian(vectors))
    assert torch.equal(hessian(hessian(vectors)), twice)
    assert relative_error(hessian(2 * vectors), 2 * hessian(vectors)) < 1e-12


def test_outputs_linear_in_the_parameters_have_no_curvature():
    inputs = torch.randn(3, 5, 4, dtype=torch.float64)
    params = torch.randn(3, 4, dtype=torch.float64)
    network = AutogradLinearization(lambda point: inputs @ point[..., None], params)
    gradient, vectors = torch.randn(3, 5, 1, dtype=torch.float64), torch.randn(3, 4, dtype=torch.float64)
    hessian = network.hessian(gradient, lambda tangents: 2 * tangents)
    expected = 2 * (inputs.mT @ inputs @ vectors[..., None])[..., 0]
    torch.testing.assert_close(hessian(vectors), expected)


def test_graphs_go_with_the_linearization(policies):
    params = make_params(policies[1], tasks=3)
    activations = []

    def function(point):
        hidden = torch.tanh(point[:, None, :])
        activations.append(weakref.ref(hidden))
        return hidden

    gc.disable()
    try:
        network = AutogradLinearization(function, params)
        hessian = network.hessian(torch.ones_like(network.outputs), lambda tangents: tangents)
        hessian(network.vjp(network.jvp(params)[..., :].reshape(3, 1, -1)))
        graph = weakref.ref(network._outputs)
        assert graph() is not None
        del network, hessian
        assert graph() is None  # by counting references alone: nothing waits for the garbage collector
        assert activations[0]() is None
    finally:
        gc.enable()
