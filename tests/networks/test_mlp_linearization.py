import pytest
import torch
from problems import make_batch, make_params, make_policy, relative_error

from mamlrl.losses.policy_losses import Reinforce
from mamlrl.networks import mlp_linearization as linearization
from mamlrl.networks.mlp_linearization import LossHessian

KINDS = [(d, a) for d in (False, True) for a in ("relu", "tanh")]


@pytest.fixture(params=KINDS, ids=[f"{'categorical' if d else 'gaussian'}-{a}" for d, a in KINDS])
def case(request):
    discrete, activation = request.param
    policy = make_policy(discrete, activation)
    params = make_params(policy, tasks=3)
    batch = make_batch(policy, params)
    return policy, params, batch, policy.linearize(params, batch.observations)


def test_outputs_are_the_policys(case):
    policy, params, batch, network = case
    torch.testing.assert_close(network.outputs, policy(params, batch.observations), rtol=1e-12, atol=1e-12)


def test_jvp_and_vjp_are_autograds(case):
    policy, params, batch, network = case

    def function(p):
        return policy(p, batch.observations)

    vectors = torch.randn_like(params)
    cotangents = torch.randn_like(network.outputs)
    _, expected_jvp = torch.func.jvp(function, (params,), (vectors,))
    (expected_vjp,) = torch.func.vjp(function, params)[1](cotangents)
    assert relative_error(network.jvp(vectors), expected_jvp) < 1e-12
    assert relative_error(network.vjp(cotangents), expected_vjp) < 1e-12


@pytest.mark.parametrize("max_inputs", [0, 8], ids=["", "mixed"])
def test_loss_hessian_is_autograds(case, max_inputs, monkeypatch):
    monkeypatch.setattr(linearization, "MAX_INPUTS_TO_MIX", max_inputs)
    monkeypatch.setattr(linearization, "MIN_SAMPLES_TO_MIX", 0)
    policy, params, batch, network = case
    vectors = torch.randn_like(params)

    def loss(outputs):
        return (torch.sin(outputs) * batch.weights[..., None]).sum() + Reinforce(policy.distribution)(
            outputs, batch
        ).sum()

    gradient = torch.func.grad(lambda p: loss(policy(p, batch.observations)))
    _, expected = torch.func.jvp(gradient, (params,), (vectors,))
    output_gradient = torch.func.grad(loss)
    hessian = LossHessian(
        network,
        output_gradient(network.outputs),
        lambda t: torch.func.jvp(output_gradient, (network.outputs,), (t,))[1],
    )
    assert relative_error(hessian(vectors), expected) < 1e-11


@pytest.mark.parametrize(("inputs", "outputs"), [(1, 1), (1, 4), (3, 1), (3, 4)])
def test_affine_maps_of_every_task(inputs, outputs):
    bias, x, weight = (torch.randn(3, *shape) for shape in ((1, outputs), (5, inputs), (inputs, outputs)))
    for task, result in enumerate(linearization.affine(bias, x, weight)):
        torch.testing.assert_close(result, torch.nn.functional.linear(x[task], weight[task].T, bias[task, 0]))


def test_log_std_under_the_floor_has_no_derivative():
    policy = make_policy(min_std=0.5)
    params = make_params(policy, tasks=3)
    policy.unflatten(params)["log_std"].fill_(-5.0)
    observations = torch.randn(3, 7, 3, dtype=torch.float64)
    network = policy.linearize(params, observations)
    torch.testing.assert_close(network.outputs, policy(params, observations))
    assert torch.all(network.vjp(torch.ones_like(network.outputs))[:, -2:] == 0)
    assert torch.all(network.jvp(torch.ones_like(params))[..., 2:] == 0)
