"""Losses linearised in the outputs, and how their gradient depends on where they are linearised."""

import itertools

import pytest
import torch
from problems import make_batch, make_inner_losses, make_params, make_policy, relative_error

from mamlrl.losses import derivatives
from mamlrl.losses.derivatives import HessianProduct, task_gradients
from mamlrl.losses.linearized import MixedProduct, linearize_in_outputs


@pytest.fixture(params=itertools.product([False, True], ["tanh", "layer_norm"]), ids=str)
def policy(request):
    discrete, activation = request.param
    return make_policy(discrete, activation)


@pytest.fixture
def theta(policy):
    return make_params(policy, tasks=3)


@pytest.fixture
def phi(policy):
    return make_params(policy, seed=1, tasks=3)


@pytest.fixture
def losses(policy, theta):
    (losses,) = make_inner_losses(policy, theta, steps=1)
    return losses


def linearized(losses, theta, phi):
    """The linearised losses at phi, by autograd, as a function of theta, too."""
    network, batch = losses.network, losses.batch
    outputs = network(theta, batch.observations)
    slopes = torch.func.grad(lambda z: losses.output_loss(z, batch).sum())(outputs)
    return (slopes * network(phi, batch.observations)).sum(dim=(1, 2))


def test_values_are_linear_in_the_outputs(losses, theta, phi):
    expected = linearized(losses, theta, phi)
    torch.testing.assert_close(linearize_in_outputs(losses, theta)(phi), expected, rtol=1e-10, atol=1e-12)


def test_at_the_parameters_the_gradient_is_that_of_the_losses(losses, theta):
    expected = task_gradients(losses, theta)
    assert relative_error(task_gradients(linearize_in_outputs(losses, theta), theta), expected) < 1e-12


def test_the_curvature_is_that_of_the_network_alone(losses, theta, phi):
    vectors = torch.randn_like(phi)
    product = HessianProduct(linearize_in_outputs(losses, theta), phi)(vectors)
    gradient = torch.func.grad(lambda p: linearized(losses, theta, p).sum())
    assert relative_error(product, torch.func.jvp(gradient, (phi,), (vectors,))[1]) < 1e-10


def test_the_mixed_product_is_the_gradients_derivative_in_the_parameters_of_linearisation(losses, theta, phi):
    vectors, cotangents = torch.randn_like(phi), torch.randn_like(phi)
    mixed = MixedProduct(losses, theta, phi)

    def gradient(where):
        return torch.func.grad(lambda p: linearized(losses, where, p).sum())(phi)

    assert relative_error(mixed(vectors), torch.func.jvp(gradient, (theta,), (vectors,))[1]) < 1e-10
    pulled = torch.func.vjp(gradient, theta)[1](cotangents)[0]
    assert relative_error(mixed.transpose(cotangents), pulled) < 1e-10


def test_products_do_not_depend_on_the_blocks(losses, theta, phi, monkeypatch):
    vectors = torch.randn_like(phi)

    def products():
        mixed = MixedProduct(losses, theta, phi)
        return torch.cat([mixed(vectors), mixed.transpose(vectors)])

    whole = products()
    monkeypatch.setattr(derivatives, "BLOCK_SAMPLES", 1)
    assert relative_error(products(), whole) < 1e-12


def test_a_fraction_of_the_samples_has_the_losses_of_that_fraction(losses, theta, phi):
    expected = linearize_in_outputs(losses.subsample(0.5), theta)(phi)
    assert relative_error(linearize_in_outputs(losses, theta).subsample(0.5)(phi), expected) < 1e-12


def test_padding_does_not_count(policy, losses, theta, phi):
    batch = make_batch(policy, theta, seed=10)
    assert (batch.weights[0, -5:] == 0).all()
    assert linearize_in_outputs(losses, theta).batch.slopes.isfinite().all()
    assert task_gradients(linearize_in_outputs(losses, theta), phi).isfinite().all()
