import pytest
import torch
from problems import make_inner_losses, make_params, make_policy

from mamlrl.adaptation.build import AdaptationConfig, make_estimator
from mamlrl.adaptation.proximal import ProximalConfig
from mamlrl.adaptation.step_sizes import StepSizes, adapted_mask
from mamlrl.errors import UserError

ADAPTED = {
    "all": lambda name: True,
    "last_layer": lambda name: name.startswith(("layer2", "log_std")),
    "biases": lambda name: name in ("layer0.bias", "layer1.bias", "layer2.bias"),
    "context": lambda name: name == "context",
}
NUM_LEARNED = {"none": 0, "one": 1, "per_layer": 5, "per_parameter": None}


@pytest.fixture
def policy():
    return make_policy(context_size=2)


@pytest.mark.parametrize("adapted", ADAPTED)
def test_the_mask_covers_the_named_parameters(policy, adapted):
    mask = policy.unflatten(adapted_mask(policy, adapted))
    for name, tensor in mask.items():
        assert (tensor == float(ADAPTED[adapted](name))).all(), name


def test_a_network_without_context_has_none_to_adapt():
    with pytest.raises(UserError, match=r"adaptation.adapted.*context.*policy.context_size"):
        adapted_mask(make_policy(), "context")


@pytest.mark.parametrize("adapted", ADAPTED)
@pytest.mark.parametrize("learned", NUM_LEARNED)
def test_at_the_start_every_adapted_parameter_has_the_configured_step_size(policy, adapted, learned):
    sizes = StepSizes(policy, adapted, 0.25, learned)
    expected = NUM_LEARNED[learned]
    assert sizes.num_parameters == (policy.num_parameters if expected is None else expected)
    assert torch.equal(sizes.expand(sizes.init()), 0.25 * adapted_mask(policy, adapted))


def test_step_sizes_of_layers_are_those_of_their_tensors(policy):
    sizes = StepSizes(policy, "all", 0.1, "per_layer")
    pieces = policy.unflatten(sizes.expand(torch.tensor([1.0, 2.0, 3.0, 4.0, 5.0])))
    values = {name: piece.unique().tolist() for name, piece in pieces.items()}
    layers = {f"layer{i}.{part}": [i + 1.0] for i in range(3) for part in ("weight", "bias")}
    assert values == {**layers, "log_std": [4.0], "context": [5.0]}


def test_step_sizes_of_parameters_are_in_their_order(policy):
    sizes = StepSizes(policy, "all", 0.1, "per_parameter")
    learned = torch.arange(float(policy.num_parameters))
    assert torch.equal(sizes.expand(learned), learned)


@pytest.mark.parametrize("adapted", ADAPTED)
@pytest.mark.parametrize("learned", ["one", "per_layer", "per_parameter"])
def test_reduce_is_the_transpose_of_expand(policy, adapted, learned):
    sizes = StepSizes(policy, adapted, 0.1, learned)
    point = torch.randn(sizes.num_parameters, dtype=torch.float64)
    cotangents = torch.randn(policy.num_parameters, dtype=torch.float64)
    _, transpose = torch.func.vjp(sizes.expand, point)
    torch.testing.assert_close(sizes.reduce(cotangents), transpose(cotangents)[0])


def test_fixed_step_sizes_have_nothing_to_learn(policy):
    sizes = StepSizes(policy, "all", 0.1)
    assert sizes.reduce(torch.ones(policy.num_parameters)).shape == (0,)
    assert sizes.metrics(sizes.init()) == {}


@pytest.mark.parametrize("adapted", ADAPTED)
def test_the_mean_of_learned_step_sizes_is_over_the_adapted_parameters(policy, adapted):
    sizes = StepSizes(policy, adapted, 0.1, "per_parameter")
    learned = torch.arange(float(policy.num_parameters))
    expected = learned[adapted_mask(policy, adapted) > 0].mean()
    assert sizes.metrics(learned) == {"step_size/mean": pytest.approx(float(expected))}


@pytest.mark.parametrize("estimator", ["maml", "first_order", "imaml"])
@pytest.mark.parametrize("adapted", ADAPTED)
def test_adaptation_leaves_the_other_parameters_alone(policy, estimator, adapted):
    config = AdaptationConfig(estimator, gradient_steps=2, adapted=adapted, proximal=ProximalConfig(weight=2.0))
    params = make_params(policy)
    (losses,) = make_inner_losses(policy, params, 1)
    phi = make_estimator(config, policy).adapt(params, 3, lambda step, _: losses).phi
    moved = policy.unflatten((phi != params).any(dim=0))
    for name, tensor in moved.items():
        assert bool(tensor.any()) == ADAPTED[adapted](name), name
