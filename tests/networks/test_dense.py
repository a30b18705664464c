"""The network without convolutions, against PyTorch's own layers."""

from functools import partial
from itertools import pairwise

import pytest
import torch
from torch import nn
from torch.autograd.functional import hvp
from torch.func import functional_call, grad, vmap

from mamlrl.errors import UserError
from mamlrl.losses.batches import LabelledBatch
from mamlrl.losses.derivatives import HessianProduct, task_gradients
from mamlrl.losses.likelihood import negative_log_likelihood
from mamlrl.losses.task_losses import TaskLosses
from mamlrl.networks.categorical import Categorical
from mamlrl.networks.dense import DenseNetwork

TASKS, SAMPLES, WAYS = 3, 7, 3
NETWORK = DenseNetwork((2, 4, 3), Categorical(WAYS), (6, 5))


def make_params(tasks=None):
    generator = torch.Generator().manual_seed(0)
    params = NETWORK.init(generator, torch.float64)
    shape = params.shape if tasks is None else (tasks, *params.shape)
    return params + 0.1 * torch.randn(shape, generator=generator, dtype=torch.float64)


@pytest.fixture
def losses():
    generator = torch.Generator().manual_seed(1)
    images = torch.rand(TASKS, SAMPLES, 2, 4, 3, generator=generator, dtype=torch.float64)
    weights = torch.full((TASKS, SAMPLES), 1 / SAMPLES, dtype=torch.float64)
    targets = torch.randint(WAYS, (TASKS, SAMPLES), generator=generator)
    batch = LabelledBatch(images, weights, targets)
    return TaskLosses(NETWORK, negative_log_likelihood(NETWORK.distribution), batch)


class Layers(nn.Sequential):
    """The same network of PyTorch's own layers, in training mode, as a function of the parameter vector."""

    def __init__(self):
        sizes = (24, 6, 5)
        layers = [nn.Flatten()]
        for inputs, units in pairwise(sizes):
            normalisation = nn.BatchNorm1d(units, track_running_stats=False)
            layers += [nn.Linear(inputs, units, bias=False), normalisation, nn.ReLU()]
        super().__init__(*layers, nn.Linear(5, WAYS))
        self.double().train()

    def at(self, params, images):
        values = dict(zip(dict(self.named_parameters()), NETWORK.unflatten(params).values(), strict=True))
        turned = {name: value.T if value.dim() == 2 else value for name, value in values.items()}
        like = dict(self.named_parameters())
        return functional_call(self, {n: value.reshape(like[n].shape) for n, value in turned.items()}, images)

    def loss(self, params, images, targets):
        return nn.functional.cross_entropy(self.at(params, images), targets)


def test_it_is_pytorchs_layers_composed(losses):
    params, layers = make_params(TASKS), Layers()
    images, targets = losses.batch.observations, losses.batch.targets
    outputs = NETWORK(params, images)
    assert outputs.shape == (TASKS, SAMPLES, WAYS)
    torch.testing.assert_close(
        outputs, torch.stack([layers.at(*each) for each in zip(params, images, strict=True)])
    )
    gradients = torch.stack([grad(layers.loss)(*each) for each in zip(params, images, targets, strict=True)])
    torch.testing.assert_close(task_gradients(losses, params), gradients)
    vectors = torch.randn(params.shape, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
    products = [
        hvp(partial(layers.loss, images=images[task], targets=targets[task]), params[task], vectors[task])[1]
        for task in range(TASKS)
    ]
    torch.testing.assert_close(HessianProduct(losses, params)(vectors), torch.stack(products))


def test_one_parameter_vector_is_that_of_every_task(losses):
    params, images = make_params(), losses.batch.observations
    expected = NETWORK(params.expand(TASKS, -1), images)
    torch.testing.assert_close(NETWORK(params, images), expected)
    torch.testing.assert_close(NETWORK(params, images[1]), expected[1])
    torch.testing.assert_close(vmap(NETWORK, (None, 0))(params, images), expected)


def test_bytes_are_scaled(losses):
    params = make_params(TASKS)
    images = (255 * losses.batch.observations).byte()
    torch.testing.assert_close(NETWORK(params, images), NETWORK(params, images.double() / 255))


def test_one_image_alone_cannot_be_normalised(losses):
    images = losses.batch.observations[0]
    NETWORK(make_params(), images[:2])
    with pytest.raises(UserError, match=r"dense network normalises .*give it several at once"):
        NETWORK(make_params(), images[:1])


def test_the_papers_network_starts_with_unit_gains_and_zero_biases():
    network = DenseNetwork((1, 28, 28), Categorical(5))
    params = network.init(torch.Generator().manual_seed(0))
    assert (
        network.num_parameters == len(params) == 784 * 256 + 256 * 128 + 128 * 64 + 64 * 64 + 2 * 512 + 64 * 5 + 5
    )
    for name, tensor in network.unflatten(params).items():
        if name.endswith("weight"):
            assert tensor.abs().max() <= (6 / sum(tensor.shape)) ** 0.5
            assert tensor.std() > 0
        else:
            assert (tensor == float(name.endswith("gain"))).all()
