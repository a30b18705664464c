"""Losses against their definitions, and the two inner losses of policies against each other by torch.func."""

import pytest
import torch
from problems import OBSERVATION_SIZE, make_batch, make_params, make_policy, relative_error

from mamlrl.losses.batches import LabelledBatch
from mamlrl.losses.derivatives import HessianProduct, task_gradients
from mamlrl.losses.policy_losses import (
    TaskLosses,
    clipped_surrogate,
    kl_divergence,
    negative_log_likelihood,
    reinforce,
    surrogate,
)
from mamlrl.networks.distributions import Categorical, IsotropicGaussian
from mamlrl.networks.mlp import MlpPolicy

TASKS = 3


@pytest.fixture(params=[False, True], ids=["gaussian", "categorical"])
def policy(request):
    return make_policy(discrete=request.param)


@pytest.fixture
def params(policy):
    return make_params(policy)


@pytest.fixture
def batch(policy, params):
    return make_batch(policy, params)


def moved(params):
    generator = torch.Generator().manual_seed(7)
    return params + 0.1 * torch.randn(TASKS, len(params), generator=generator, dtype=torch.float64)


def ratios(policy, params, batch):
    log_prob = policy.distribution.log_prob
    return (
        log_prob(policy(params, batch.observations), batch.actions) - log_prob(batch.outputs, batch.actions)
    ).exp()


def test_reinforce_is_the_mean_of_weighted_log_probabilities(policy, params, batch):
    elsewhere = moved(params)
    loss = TaskLosses(policy, reinforce(policy.distribution), batch)(elsewhere)
    for task in range(TASKS):
        outputs = policy(elsewhere[task], batch.observations[task])
        log_prob = policy.distribution.log_prob(outputs, batch.actions[task])
        expected = -sum(batch.weights[task] * log_prob * batch.advantages[task])
        assert float(loss[task]) == pytest.approx(float(expected))


def test_the_surrogate_is_the_mean_advantage_by_likelihood_ratio(policy, params, batch):
    elsewhere = moved(params)
    loss = TaskLosses(policy, surrogate(policy.distribution), batch)(elsewhere)
    expected = -(batch.weights * ratios(policy, elsewhere, batch) * batch.advantages).sum(dim=1)
    torch.testing.assert_close(loss, expected)


def test_at_the_sampling_parameters_both_inner_losses_have_the_same_gradient(policy, params, batch):
    here = params.expand(TASKS, -1)
    first, second = (
        task_gradients(TaskLosses(policy, loss(policy.distribution), batch), here)
        for loss in (reinforce, surrogate)
    )
    torch.testing.assert_close(first, second)
    expected = torch.func.grad(lambda p: TaskLosses(policy, surrogate(policy.distribution), batch)(p).sum())(here)
    torch.testing.assert_close(second, expected)


def test_their_hessians_differ_by_the_mean_outer_product_of_scores(policy, params, batch):
    """Rothfuss et al. 2018, equation 5: the likelihood ratio keeps the part that REINFORCE's Hessian lacks."""
    here = params.expand(TASKS, -1)
    vectors = moved(params) - params
    products = [
        HessianProduct(TaskLosses(policy, loss(policy.distribution), batch), here)(vectors)
        for loss in (reinforce, surrogate)
    ]
    for task in range(TASKS):

        def log_prob(p, task=task):
            return policy.distribution.log_prob(policy(p, batch.observations[task]), batch.actions[task])

        scores = torch.func.jacrev(log_prob)(params)
        outer = scores.T @ ((batch.weights * batch.advantages)[task] * (scores @ vectors[task]))
        torch.testing.assert_close(products[1][task], products[0][task] - outer)
        assert relative_error(products[1][task], products[0][task]) > 0.1


def test_without_large_ratios_clipping_changes_nothing(policy, params, batch):
    elsewhere = params + 0.01 * (moved(params) - params)
    assert (ratios(policy, elsewhere, batch) - 1).abs().max() < 0.2
    plain, clipped = (
        TaskLosses(policy, loss, batch)
        for loss in (surrogate(policy.distribution), clipped_surrogate(policy.distribution, 0.2))
    )
    torch.testing.assert_close(clipped(elsewhere), plain(elsewhere))
    torch.testing.assert_close(task_gradients(clipped, elsewhere), task_gradients(plain, elsewhere))


def test_clipping_takes_the_worse_of_two_gains_sample_by_sample(policy, params, batch):
    elsewhere, clip = moved(params), 0.05
    loss = TaskLosses(policy, clipped_surrogate(policy.distribution, clip), batch)(elsewhere)
    for task in range(TASKS):
        gain = 0.0
        for ratio, advantage, weight in zip(
            ratios(policy, elsewhere, batch)[task], batch.advantages[task], batch.weights[task], strict=True
        ):
            bounded = min(max(float(ratio), 1 - clip), 1 + clip)
            gain += float(weight) * min(float(ratio * advantage), bounded * float(advantage))
        assert float(loss[task]) == pytest.approx(-gain)


def test_samples_whose_gain_is_clipped_have_no_gradient(policy, params, batch):
    elsewhere, clip = moved(params), 0.05
    ratio = ratios(policy, elsewhere, batch)
    free = torch.where(batch.advantages > 0, ratio <= 1 + clip, ratio >= 1 - clip)
    assert 0 < int(free.sum()) < free.numel()
    remaining = type(batch)(**{**vars(batch), "weights": batch.weights * free})
    clipped = task_gradients(TaskLosses(policy, clipped_surrogate(policy.distribution, clip), batch), elsewhere)
    plain = task_gradients(TaskLosses(policy, surrogate(policy.distribution), remaining), elsewhere)
    torch.testing.assert_close(clipped, plain)


def test_kl_divergence_is_the_mean_over_states(policy, params, batch):
    elsewhere = moved(params)
    divergence = TaskLosses(policy, kl_divergence(policy.distribution), batch)
    expected = policy.distribution.kl(batch.outputs, policy(elsewhere, batch.observations))
    torch.testing.assert_close(divergence(elsewhere), (batch.weights * expected).sum(dim=1))
    assert divergence(params.expand(TASKS, -1)).abs().max() < 1e-14


def supervised_losses(distribution):
    network = MlpPolicy(OBSERVATION_SIZE, distribution, (5,), "tanh")
    generator = torch.Generator().manual_seed(0)
    observations = torch.randn(3, 7, OBSERVATION_SIZE, generator=generator, dtype=torch.float64)
    outputs = torch.randn(3, 7, distribution.output_size, generator=generator, dtype=torch.float64)
    weights = torch.rand(3, 7, generator=generator, dtype=torch.float64)
    noise = distribution.noise((3, 7), generator, torch.float64)
    batch = LabelledBatch(observations, weights, distribution.sample(outputs, noise))
    return TaskLosses(network, negative_log_likelihood(distribution), batch), outputs


def policy_losses():
    policy = make_policy()
    batch = make_batch(policy, make_params(policy))
    return TaskLosses(policy, surrogate(policy.distribution), batch), batch.outputs + 0.1


@pytest.mark.parametrize(
    "problem",
    [
        lambda: supervised_losses(IsotropicGaussian(2)),
        lambda: supervised_losses(Categorical(4)),
        policy_losses,
    ],
)
def test_derivatives_in_the_outputs_are_those_of_torch_func(problem):
    losses, outputs = problem()

    def total(here):
        return losses.output_loss(here, losses.batch).sum()

    tangents = torch.randn(outputs.shape, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    gradient, product = losses.differentiate(outputs)
    assert relative_error(gradient, torch.func.grad(total)(outputs)) < 1e-12
    expected = torch.func.jvp(torch.func.grad(total), (outputs,), (tangents,))[1]
    assert relative_error(product(tangents), expected) < 1e-12


def test_negative_log_likelihood_is_cross_entropy_and_squared_error():
    losses, outputs = supervised_losses(Categorical(4))
    batch = losses.batch
    entropies = torch.nn.functional.cross_entropy(outputs.mT, batch.targets, reduction="none")
    assert relative_error(losses.output_loss(outputs, batch), (batch.weights * entropies).sum(dim=1)) < 1e-12
    losses, outputs = supervised_losses(IsotropicGaussian(2))
    batch, zeros = losses.batch, torch.zeros_like(outputs)
    squares = torch.nn.functional.mse_loss(outputs, batch.targets, reduction="none").sum(dim=2)
    others = torch.nn.functional.mse_loss(zeros, batch.targets, reduction="none").sum(dim=2)
    difference = losses.output_loss(outputs, batch) - losses.output_loss(zeros, batch)
    assert relative_error(difference, (batch.weights * (squares - others)).sum(dim=1)) < 1e-12
