"""Channels of free parameters: what they do to the images, and what adaptation does to them."""

from functools import partial

import pytest
import torch
from torch.autograd.functional import hvp
from torch.func import grad, vmap

from mamlrl.adaptation.build import AdaptationConfig, make_estimator
from mamlrl.losses.batches import LabelledBatch
from mamlrl.losses.derivatives import HessianProduct, task_gradients
from mamlrl.losses.likelihood import negative_log_likelihood
from mamlrl.losses.task_losses import TaskLosses
from mamlrl.networks.categorical import Categorical
from mamlrl.networks.context_channels import ContextChannels
from mamlrl.networks.convolution import ConvolutionalNetwork
from mamlrl.outer.objective import MetaObjective

TASKS, SAMPLES, WAYS, CONTEXT = 3, 6, 3, (2, 5, 4)
SIZE = 2 * 5 * 4
WIDE = ConvolutionalNetwork((3, 5, 4), Categorical(WAYS), (3, 2))
NETWORK = ContextChannels(WIDE, CONTEXT)


def make_params(tasks=None):
    generator = torch.Generator().manual_seed(0)
    params = NETWORK.init(generator, torch.float64)
    shape = params.shape if tasks is None else (tasks, *params.shape)
    return params + 0.3 * torch.randn(shape, generator=generator, dtype=torch.float64)


def make_losses(seed=1):
    generator = torch.Generator().manual_seed(seed)
    images = torch.rand(TASKS, SAMPLES, 1, 5, 4, generator=generator, dtype=torch.float64)
    weights = torch.full((TASKS, SAMPLES), 1 / SAMPLES, dtype=torch.float64)
    targets = torch.randint(WAYS, (TASKS, SAMPLES), generator=generator)
    batch = LabelledBatch(images, weights, targets)
    return TaskLosses(NETWORK, negative_log_likelihood(NETWORK.distribution), batch)


def by_hand(params, images):
    """Outputs for one task, by concatenation."""
    channels = params[-SIZE:].reshape(1, *CONTEXT).expand(len(images), -1, -1, -1)
    return WIDE(params[:-SIZE], torch.cat([images, channels], dim=1))


def loss(params, images, targets):
    return torch.nn.functional.cross_entropy(by_hand(params, images), targets)


def test_free_parameters_are_further_channels_of_all_images():
    params, images = make_params(TASKS), make_losses().batch.observations
    expected = torch.stack([by_hand(*each) for each in zip(params, images, strict=True)])
    torch.testing.assert_close(NETWORK(params, images), expected)
    torch.testing.assert_close(NETWORK(params[0], images[0]), expected[0])
    shared = torch.stack([by_hand(params[0], each) for each in images])
    torch.testing.assert_close(NETWORK(params[0], images), shared)
    changed = params.clone()
    changed[:, -SIZE:] += torch.rand(SIZE)
    assert (NETWORK(changed, images) - expected).abs().max() > 0.01


def test_a_new_context_is_0():
    params = NETWORK.init(torch.Generator().manual_seed(0))
    assert not params[-SIZE:].any()
    assert torch.equal(params[:-SIZE], WIDE.init(torch.Generator().manual_seed(0)))
    assert NETWORK.shapes["context"] == CONTEXT


def test_bytes_are_scaled():
    params, images = make_params(TASKS), (255 * make_losses().batch.observations).byte()
    torch.testing.assert_close(
        NETWORK(params, images), NETWORK(params, images.double() / 255), rtol=1e-6, atol=1e-6
    )


def test_derivatives_are_those_of_autograd():
    losses, params = make_losses(), make_params(TASKS)
    images, targets = losses.batch.observations, losses.batch.targets
    torch.testing.assert_close(task_gradients(losses, params), vmap(grad(loss))(params, images, targets))
    vectors = torch.randn(params.shape, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
    for task, product in enumerate(HessianProduct(losses, params)(vectors)):
        _, expected = hvp(partial(loss, images=images[task], targets=targets[task]), params[task], vectors[task])
        torch.testing.assert_close(product, expected)


@pytest.mark.parametrize("steps", [1, 2])
def test_only_the_context_is_adapted_and_the_meta_gradient_is_that_of_finite_differences(steps):
    estimator = make_estimator(AdaptationConfig(adapted="context", steps=steps, step_size=0.3), NETWORK)
    params = make_params()
    support, query = make_losses(), make_losses(seed=2)

    def adapt(params):
        return estimator.adapt(params, TASKS, lambda step, task_params: support)

    adaptation = adapt(params)
    assert torch.equal(adaptation.phi[:, :-SIZE], params[:-SIZE].expand(TASKS, -1))
    assert ((adaptation.phi[:, -SIZE:] - params[-SIZE:]).norm(dim=1) > 1e-4).all()
    assert (support(adaptation.phi) < support(params.expand(TASKS, -1))).all()
    gradient = MetaObjective(estimator, adaptation, query).gradient()
    vector = torch.randn(len(params), generator=torch.Generator().manual_seed(3), dtype=torch.float64)
    step = 1e-5
    ends = [query(adapt(params + sign * step * vector).phi).mean() for sign in (1, -1)]
    torch.testing.assert_close(gradient @ vector, (ends[0] - ends[1]) / (2 * step), rtol=1e-5, atol=1e-8)
