import pytest
import torch
from problems import relative_error
from torch import nn

from mamlrl.adaptation.build import AdaptationConfig, make_estimator
from mamlrl.adaptation.proximal import ProximalConfig
from mamlrl.adaptation.step_sizes import adapted_mask
from mamlrl.losses import derivatives
from mamlrl.losses.batches import LabelledBatch
from mamlrl.losses.derivatives import FisherProduct, HessianProduct, task_gradients, task_outputs
from mamlrl.losses.likelihood import negative_log_likelihood
from mamlrl.losses.task_losses import TaskLosses
from mamlrl.networks.categorical import Categorical
from mamlrl.networks.convolution import ConvolutionalNetwork
from mamlrl.outer.objective import MetaObjective

TASKS, SAMPLES, WAYS = 3, 6, 3
KINDS = ["stride", "max_pool"]


@pytest.fixture(params=KINDS)
def network(request):
    return ConvolutionalNetwork((2, 9, 8), Categorical(WAYS), (4, 3), request.param)


def make_params(network, tasks=None, seed=0):
    generator = torch.Generator().manual_seed(seed)
    params = network.init(generator, torch.float64)
    shape = params.shape if tasks is None else (tasks, *params.shape)
    return params + 0.1 * torch.randn(shape, generator=generator, dtype=torch.float64)


def make_losses(network, seed=0):
    generator = torch.Generator().manual_seed(seed)
    images = torch.rand(TASKS, SAMPLES, *network.image_shape, generator=generator, dtype=torch.float64)
    weights = torch.full((TASKS, SAMPLES), 1 / SAMPLES, dtype=torch.float64)
    targets = torch.randint(WAYS, (TASKS, SAMPLES), generator=generator)
    return TaskLosses(
        network, negative_log_likelihood(network.distribution), LabelledBatch(images, weights, targets)
    )


def torch_module(network, params):
    """The same network of PyTorch's own layers, in training mode."""
    strided = network.downsampling == "stride"
    layers, channels = [], network.image_shape[0]
    for filters in network.filters:
        layers += [nn.Conv2d(channels, filters, 3, stride=2 if strided else 1, padding=1, bias=False)]
        layers += [nn.BatchNorm2d(filters), nn.ReLU(), *([] if strided else [nn.MaxPool2d(2)])]
        channels = filters
    layers += [*([nn.AdaptiveAvgPool2d(1)] if strided else []), nn.Flatten()]
    layers += [nn.Linear(network.num_features, WAYS)]
    module = nn.Sequential(*layers).double().train()
    tensors = network.unflatten(params)
    head = f"layer{len(network.filters)}.weight"
    values = [value.T if name == head else value for name, value in tensors.items()]
    with torch.no_grad():
        for parameter, value in zip(module.parameters(), values, strict=True):
            parameter.copy_(value.reshape(parameter.shape))
    return module


def test_a_bound_network_is_the_network_at_these_parameters(network):
    params, images = make_params(network, TASKS), make_losses(network).batch.observations
    torch.testing.assert_close(network.bind(params)(images), network(params, images))


def test_it_is_pytorchs_layers_composed(network):
    params = make_params(network, TASKS)
    losses = make_losses(network)
    gradients = task_gradients(losses, params)
    for task in range(TASKS):
        module = torch_module(network, params[task])
        outputs = module(losses.batch.observations[task])
        torch.testing.assert_close(network(params, losses.batch.observations)[task], outputs.detach())
        nn.functional.cross_entropy(outputs, losses.batch.targets[task]).backward()
        named = dict(zip(network.shapes, (p.grad for p in module.parameters()), strict=True))
        for name, gradient in network.unflatten(gradients[task]).items():
            expected = named[name].T if name == f"layer{len(network.filters)}.weight" else named[name]
            torch.testing.assert_close(gradient, expected.reshape(gradient.shape))


def test_one_parameter_vector_is_that_of_every_task(network):
    params = make_params(network)
    images = make_losses(network).batch.observations
    expected = network(params.expand(TASKS, -1), images)
    torch.testing.assert_close(network(params, images), expected)
    torch.testing.assert_close(network(params, images[1]), expected[1])
    assert expected.shape == (TASKS, SAMPLES, WAYS)


def test_bytes_are_scaled(network):
    params = make_params(network, TASKS)
    images = (255 * make_losses(network).batch.observations).byte()
    torch.testing.assert_close(
        network(params, images), network(params, images.double() / 255), rtol=1e-5, atol=1e-6
    )


def test_tasks_do_not_influence_each_other(network):
    params = make_params(network, TASKS)
    losses = make_losses(network)
    vectors = torch.randn_like(params)

    def products(params):
        return torch.stack([task_gradients(losses, params), HessianProduct(losses, params)(vectors)])

    before = products(params)
    losses.batch.observations[0] += 1.0
    losses.batch.observations[0, 0] *= -2.0
    others = torch.cat([2 * params[:1], params[1:]])
    torch.testing.assert_close(products(others)[:, 1:], before[:, 1:], rtol=1e-10, atol=1e-12)
    assert relative_error(products(others)[:, 0], before[:, 0]) > 0.1


def test_derivatives_are_finite_differences(network):
    params = make_params(network, TASKS)
    losses = make_losses(network)
    vectors = torch.randn_like(params)
    step = 1e-5
    forward, backward = params + step * vectors, params - step * vectors
    slope = (losses(forward) - losses(backward)) / (2 * step)
    torch.testing.assert_close((task_gradients(losses, params) * vectors).sum(dim=1), slope, rtol=1e-6, atol=1e-9)
    curved = (task_gradients(losses, forward) - task_gradients(losses, backward)) / (2 * step)
    assert relative_error(HessianProduct(losses, params)(vectors), curved) < 1e-6
    change = (network(forward, losses.batch.observations) - network(backward, losses.batch.observations)) / (
        2 * step
    )
    linearized = network.linearize(params, losses.batch.observations)
    assert relative_error(linearized.jvp(vectors), change) < 1e-6


def test_products_do_not_depend_on_the_blocks(network, monkeypatch):
    params = make_params(network, TASKS)
    losses = make_losses(network)
    vectors = torch.randn_like(params)

    def products():
        fisher = FisherProduct(network, params, losses.batch)
        return torch.stack(
            [task_gradients(losses, params), HessianProduct(losses, params)(vectors), fisher(vectors)]
        )

    whole = products()
    outputs = network(params, losses.batch.observations)
    monkeypatch.setattr(derivatives, "BLOCK_SAMPLES", 1)
    torch.testing.assert_close(products(), whole, rtol=1e-10, atol=1e-12)
    torch.testing.assert_close(task_outputs(network, params, losses.batch), outputs)


def test_products_do_not_depend_on_the_number_of_threads(network, monkeypatch):
    monkeypatch.setattr(derivatives, "BLOCK_SAMPLES", 1)
    params = make_params(network, TASKS)
    losses = make_losses(network)
    vectors = torch.randn_like(params)
    products, before = [], torch.get_num_threads()
    for threads in (1, 2, 3):
        torch.set_num_threads(threads)
        hessian = HessianProduct(losses, params)(vectors)
        products.append(torch.stack([task_gradients(losses, params), hessian]))
    torch.set_num_threads(before)
    assert torch.equal(products[0], products[1])
    assert torch.equal(products[0], products[2])


@pytest.mark.parametrize(
    "config",
    [
        AdaptationConfig(gradient_steps=2, step_size=0.05),
        AdaptationConfig(step_size=0.05, learned_step_size="per_layer", adapted="biases"),
        AdaptationConfig(
            estimator="imaml",
            gradient_steps=100,
            step_size=0.02,
            proximal=ProximalConfig(weight=30.0, cg_iterations=60, cg_tolerance=1e-20),
        ),
    ],
    ids=["maml", "biases", "imaml"],
)
def test_the_meta_gradient_is_that_of_finite_differences(config):
    network = ConvolutionalNetwork((1, 6, 6), Categorical(WAYS), (3, 2))
    estimator = make_estimator(config, network)
    params = estimator.init(make_params(network))
    support, query = make_losses(network, seed=1), make_losses(network, seed=2)

    def adapt(params):
        return estimator.adapt(params, TASKS, lambda step, task_params: support)

    gradient = MetaObjective(estimator, adapt(params), query).gradient()
    vector = torch.randn(len(params), generator=torch.Generator().manual_seed(3), dtype=torch.float64)
    step = 1e-5
    ends = [query(adapt(params + sign * step * vector).phi).mean() for sign in (1, -1)]
    torch.testing.assert_close(gradient @ vector, (ends[0] - ends[1]) / (2 * step), rtol=1e-5, atol=1e-8)


def test_the_papers_networks():
    omniglot = ConvolutionalNetwork((1, 28, 28), Categorical(5))
    mini_imagenet = ConvolutionalNetwork((3, 84, 84), Categorical(5), (32,) * 4, "max_pool")
    assert (omniglot.num_features, mini_imagenet.num_features) == (64, 800)
    assert omniglot.shapes["layer1.weight"] == (64, 64, 3, 3)
    assert omniglot.sample_cost == 64 * (14**2 + 7**2 + 4**2 + 2**2) / 200
    assert mini_imagenet.sample_cost == 32 * (84**2 + 42**2 + 21**2 + 10**2) / 200
    assert ConvolutionalNetwork((1, 28, 28), Categorical(5), (8,) * 5, "max_pool").num_features == 0


def test_initial_parameters():
    network = ConvolutionalNetwork((1, 28, 28), Categorical(5), (16,) * 4)
    params = network.init(torch.Generator().manual_seed(0))
    assert torch.equal(params, network.init(torch.Generator().manual_seed(0)))
    tensors = network.unflatten(params)
    assert all(bool((tensors[f"layer{layer}.gain"] == 1).all()) for layer in range(4))
    assert all(bool((value == 0).all()) for name, value in tensors.items() if name.endswith("bias"))
    limit = (6 / (9 * 16 + 9 * 16)) ** 0.5  # Glorot & Bengio 2010, equation 16
    assert 0.9 * limit < float(tensors["layer2.weight"].abs().max()) <= limit


def test_adapted_subsets(network):
    sizes = {
        name: int(mask.sum()) for name in ("all", "last_layer", "biases") for mask in [adapted_mask(network, name)]
    }
    head = (network.num_features + 1) * WAYS
    assert sizes == {"all": network.num_parameters, "last_layer": head, "biases": 4 + 3 + WAYS}
    assert bool(adapted_mask(network, "last_layer")[-head:].all())
