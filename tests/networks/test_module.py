"""Policies from PyTorch modules: the same as the built-in ones, and refused where they cannot be policies."""

import threading
from collections import OrderedDict

import gymnasium
import numpy as np
import pytest
import torch
from problems import make_batch, make_inner_losses, make_params, make_policy, relative_error
from torch import nn

from mamlrl.adaptation.step_sizes import adapted_mask
from mamlrl.errors import UserError
from mamlrl.losses.derivatives import FisherProduct, HessianProduct, task_gradients
from mamlrl.networks import build
from mamlrl.networks.build import PolicyConfig
from mamlrl.networks.categorical import Categorical
from mamlrl.networks.gaussian import DiagonalGaussian
from mamlrl.networks.module import ModulePolicy, seeded

GAUSSIAN, CATEGORICAL = DiagonalGaussian(2), Categorical(4)
OBSERVATIONS, ACTIONS = gymnasium.spaces.Box(-1, 1, (3,)), gymnasium.spaces.Box(-1, 1, (2,))


def mlp_module(outputs, activation):
    """The network of `problems.make_policy`."""
    function = {"tanh": nn.Tanh, "relu": nn.ReLU}[activation]
    layers = [nn.Linear(3, 5), function(), nn.Linear(5, 4), function(), nn.Linear(4, outputs)]
    return nn.Sequential(*layers)


def to_module(policy, params):
    """Parameters of the MLP in the order of the module, whose weights are transposed."""
    tensors = policy.unflatten(params)
    flat = [tensor.mT if name.endswith("weight") else tensor for name, tensor in tensors.items()]
    return torch.cat([tensor.reshape(*params.shape[:-1], -1) for tensor in flat], dim=-1)


@pytest.fixture(params=[(d, a) for d in (False, True) for a in ("relu", "tanh")], ids=str)
def pair(request):
    """A built-in policy, and the same as a module."""
    discrete, activation = request.param
    policy = make_policy(discrete, activation)
    module = mlp_module(policy.distribution.head_size, activation)
    return policy, ModulePolicy(module, 3, policy.distribution)


def test_it_equals_the_built_in_policy_with_all_derivatives(pair):
    policy, module = pair
    assert module.num_parameters == policy.num_parameters
    params = make_params(policy, tasks=3)
    batch, vectors = make_batch(policy, params), torch.randn_like(params)
    cotangents = torch.randn_like(batch.outputs)

    def products(network, at, tangents):
        linearized = network.linearize(at, batch.observations)
        (losses,) = make_inner_losses(policy, params, steps=1)
        losses = type(losses)(network, losses.output_loss, losses.batch)
        return {
            "outputs": network(at, batch.observations),
            "outputs of one": network(at[0], batch.observations),
            "jvp": linearized.jvp(tangents),
            "vjp": linearized.vjp(cotangents),
            "gradient": task_gradients(losses, at),
            "hessian": HessianProduct(losses, at)(tangents),
            "fisher": FisherProduct(network, at, batch)(tangents),
        }

    expected = products(policy, params, vectors)
    results = products(module, to_module(policy, params), to_module(policy, vectors))
    for name, value in expected.items():
        in_parameters = name in ("vjp", "gradient", "hessian", "fisher")
        assert relative_error(results[name], to_module(policy, value) if in_parameters else value) < 1e-12, name


def test_float32_agrees_to_rounding(pair):
    policy, module = pair
    params = make_params(policy, tasks=3).float()
    observations = torch.randn(3, 7, 3)
    torch.testing.assert_close(module(to_module(policy, params), observations), policy(params, observations))


def test_layers_are_named_so_that_adaptation_can_choose_them():
    inner = nn.Sequential(OrderedDict(first=nn.Linear(3, 5), norm=nn.LayerNorm(5)))
    module = nn.Sequential(OrderedDict(body=inner, head=nn.Linear(5, 2)))
    policy = ModulePolicy(module, 3, GAUSSIAN, initial_std=0.5)
    names = ["layer0.weight", "layer0.bias", "layer1.weight", "layer1.bias", "layer2.weight", "layer2.bias"]
    assert list(policy.shapes) == [*names, "log_std"]
    params = policy.unflatten(policy.init(torch.Generator()))
    for name, tensor in zip(names, module.parameters(), strict=True):
        assert torch.equal(params[name], tensor)
    assert params["log_std"].exp().tolist() == [[0.5, 0.5]]
    assert int(adapted_mask(policy, "last_layer").sum()) == 5 * 2 + 2 + 2
    assert int(adapted_mask(policy, "biases").sum()) == 5 + 5 + 2


def test_all_parameters_of_a_gaussian_may_come_from_the_module():
    policy = ModulePolicy(nn.Linear(3, 4), 3, GAUSSIAN)
    assert "log_std" not in policy.shapes
    params, observations = policy.init(torch.Generator()), torch.randn(6, 3)
    weight, bias = params[:12].view(4, 3), params[12:]
    torch.testing.assert_close(policy(params, observations), observations @ weight.T + bias)


def test_the_standard_deviation_has_a_floor():
    policy = ModulePolicy(nn.Linear(3, 2), 3, GAUSSIAN, initial_std=0.1, min_std=0.5)
    outputs = policy(policy.init(torch.Generator()), torch.zeros(1, 3))
    assert outputs[0, 2:].exp().tolist() == pytest.approx([0.5, 0.5])


class Frozen(nn.Module):
    """A buffer of whole numbers, a frozen parameter and two that are one."""

    def __init__(self):
        super().__init__()
        self.one = nn.Linear(3, 3)
        self.other = nn.Linear(3, 3)
        self.other.weight = self.one.weight
        self.frozen = nn.Linear(3, 4).requires_grad_(False)
        self.register_buffer("order", torch.tensor([2, 0, 1]))

    def forward(self, observations):
        return self.frozen(self.other(self.one(observations)[:, self.order]))


def test_frozen_parameters_and_buffers_stay_and_shared_ones_are_one():
    module = Frozen()
    policy = ModulePolicy(module, 3, CATEGORICAL)
    assert policy.num_parameters == 9 + 3 + 3
    params = torch.randn(2, policy.num_parameters)
    observations = torch.randn(2, 5, 3)
    outputs = policy(params, observations)
    for task in range(2):
        weight, first, second = params[task].split([9, 3, 3])
        weight = weight.view(3, 3)
        hidden = (observations[task] @ weight.T + first)[:, [2, 0, 1]] @ weight.T + second
        expected = hidden @ module.frozen.weight.T + module.frozen.bias
        torch.testing.assert_close(outputs[task], expected)


def test_the_module_that_was_given_does_not_matter_any_more():
    module = mlp_module(2, "tanh")
    policy = ModulePolicy(module, 3, GAUSSIAN)
    before = policy.init(torch.Generator())
    with torch.no_grad():
        module[0].weight.zero_()
    assert torch.equal(policy.init(torch.Generator()), before)


def test_threads_evaluate_it_at_the_same_time():
    """Evaluating a module puts parameters into it for a while; each thread has a copy."""
    policy = ModulePolicy(mlp_module(2, "tanh"), 3, GAUSSIAN)
    observations, wrong = torch.randn(50, 3), []

    bound = [policy.bind(torch.randn(policy.num_parameters)) for _ in range(4)]
    expected = [function(observations) for function in bound]

    def evaluate(task):
        wrong.extend(1 for _ in range(200) if not torch.equal(bound[task](observations), expected[task]))

    threads = [threading.Thread(target=evaluate, args=(task,)) for task in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


class Counter(nn.Linear):
    """Adds how often it was evaluated."""

    calls = 0

    def forward(self, observations):
        self.calls += 1
        return super().forward(observations) + self.calls


class Batchwise(nn.Linear):
    def forward(self, observations):
        outputs = super().forward(observations)
        return outputs - outputs.mean(dim=0)


class Function(nn.Linear):
    def __init__(self, function):
        super().__init__(3, 2)
        self.function = function

    def forward(self, observations):
        return self.function(super().forward(observations))


def branch(outputs):
    return outputs if bool(outputs.isfinite().all()) else torch.zeros_like(outputs)


IMPOSSIBLE = {
    "no parameters": (nn.Tanh(), "has no parameters that require gradients: there is nothing to learn"),
    "whole numbers": (
        nn.ParameterList([nn.Parameter(torch.ones(3, dtype=torch.int64), requires_grad=False)]),
        "has no parameters that require gradients",
    ),
    "dropout": (nn.Sequential(nn.Linear(3, 2), nn.Dropout()), "has Dropout in training mode, .* eval"),
    "batch normalisation": (nn.Sequential(nn.Linear(3, 2), nn.BatchNorm1d(2)), "has BatchNorm1d in training mode"),
    "random": (Function(lambda x: x + torch.rand_like(x)), "is random, or changes when it is evaluated"),
    "functional dropout": (Function(nn.functional.dropout), "is random|random"),
    "state": (Counter(3, 2), "is random, or changes when it is evaluated"),
    "other samples": (Batchwise(3, 2), "gives a sample other outputs when it is evaluated with others"),
    "shape": (
        nn.Linear(3, 5),
        r"maps observations of shape \(1, 3\) to \(1, 5\); .* \(sample, 2\) or ",
    ),
    "several": (nn.LSTM(3, 2), r"maps observations of shape \(1, 3\) to tuple; its outputs must have shape"),
    "observations": (nn.Linear(4, 2), "cannot be evaluated: RuntimeError: .*"),
    "not finite": (Function(lambda x: x / 0), "has outputs that are not finite"),
    "type": (Function(lambda x: x.long()), "has outputs whose derivatives in its parameters are all 0"),
    "decisions": (Function(branch), "cannot be evaluated for several tasks at once"),
    "no derivatives": (
        Function(lambda x: x.detach()),
        "has outputs whose derivatives in its parameters are all 0",
    ),
}


@pytest.mark.parametrize(("module", "message"), IMPOSSIBLE.values(), ids=IMPOSSIBLE)
def test_what_cannot_be_a_policy_is_refused_in_one_line(module, message):
    with pytest.raises(UserError, match=f"^policy {type(module).__name__} ({message})") as raised:
        ModulePolicy(module, 3, GAUSSIAN)
    assert "\n" not in str(raised.value)


def test_layers_in_evaluation_mode_are_taken():
    module = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Dropout(), nn.Linear(4, 2))
    module(torch.randn(8, 3))  # makes statistics
    policy = ModulePolicy(module.eval(), 3, GAUSSIAN)
    observations = torch.randn(5, 3)
    torch.testing.assert_close(policy(policy.init(torch.Generator()), observations)[:, :2], module(observations))


def made(architecture, **settings):
    return build.make_policy(OBSERVATIONS, ACTIONS, PolicyConfig(architecture=architecture, **settings))


def test_a_module_is_where_every_run_begins_and_a_made_one_is_drawn_by_its_seed():
    module = mlp_module(2, "tanh")
    given = made(module, initial_std=0.3)
    draws = [given.init(torch.Generator().manual_seed(seed)) for seed in (0, 1)]
    assert torch.equal(*draws)
    torch.testing.assert_close(draws[0][-2:].exp(), torch.full((2,), 0.3))
    state = torch.get_rng_state()
    policies = [made(lambda *settings: mlp_module(2, "tanh")) for _ in range(2)]
    draws = [policy.init(torch.Generator().manual_seed(seed)) for policy in policies for seed in (0, 1)]
    assert torch.equal(draws[0], draws[2])
    assert torch.equal(draws[1], draws[3])
    assert not torch.equal(draws[0], draws[1])
    assert torch.equal(torch.get_rng_state(), state)  # the global randomness is nobody's


def test_what_is_not_learned_is_the_same_in_every_process():
    class RandomFeatures(nn.Linear):
        def __init__(self):
            super().__init__(6, 2)
            self.register_buffer("features", torch.randn(3, 6))

        def forward(self, observations):
            return super().forward(torch.sin(observations @ self.features))

    params, observations = torch.randn(16), torch.randn(5, 3)
    outputs = []
    for seed in (1, 2):
        torch.manual_seed(seed)
        outputs.append(made(lambda *settings: RandomFeatures())(params, observations))
    assert torch.equal(*outputs)


def test_a_network_whose_actions_do_not_fit_is_refused():
    policy = ModulePolicy(nn.Linear(3, 4), 3, CATEGORICAL)
    with pytest.raises(UserError, match=r"ModulePolicy has the distribution Categorical.*, which does not fit"):
        made(policy)
    assert made(ModulePolicy(nn.Linear(3, 2), 3, GAUSSIAN)).num_parameters == 10


def test_it_acts_in_numpy_s_precision():
    policy = ModulePolicy(mlp_module(2, "relu"), 3, GAUSSIAN)
    params = policy.init(torch.Generator(), torch.float64)
    outputs = policy(params, torch.from_numpy(np.ones((2, 4, 3))))
    assert (outputs.shape, outputs.dtype) == ((2, 4, 4), torch.float64)


def test_threads_take_turns_with_pytorch_s_global_randomness():
    entered, drawn = threading.Event(), []

    def draw():
        with seeded(1):
            entered.set()
            drawn.append(torch.rand(2))

    thread = threading.Thread(target=draw)
    with seeded(0):
        before = torch.rand(2)
        thread.start()
        entered.wait(timeout=0.2)  # in vain
        after = torch.rand(2)
    thread.join()
    for seed, expected in ((0, torch.cat([before, after])), (1, drawn[0])):
        generator = torch.Generator().manual_seed(seed)
        parts = [torch.rand(2, generator=generator) for _ in range(len(expected) // 2)]
        assert torch.equal(torch.cat(parts), expected)
