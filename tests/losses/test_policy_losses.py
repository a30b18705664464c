"""Losses against their definitions, and the two inner losses of policies against each other by torch.func."""

import pytest
import torch
from problems import make_batch, make_params, make_policy, relative_error

from mamlrl.losses.derivatives import HessianProduct, task_gradients
from mamlrl.losses.policy_losses import ClippedSurrogate, KlDivergence, Reinforce, Surrogate
from mamlrl.losses.task_losses import TaskLosses

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
    loss = TaskLosses(policy, Reinforce(policy.distribution), batch)(elsewhere)
    for task in range(TASKS):
        outputs = policy(elsewhere[task], batch.observations[task])
        log_prob = policy.distribution.log_prob(outputs, batch.actions[task])
        expected = -sum(batch.weights[task] * log_prob * batch.advantages[task])
        assert float(loss[task]) == pytest.approx(float(expected))


def test_the_surrogate_is_the_mean_advantage_by_likelihood_ratio(policy, params, batch):
    elsewhere = moved(params)
    loss = TaskLosses(policy, Surrogate(policy.distribution), batch)(elsewhere)
    expected = -(batch.weights * ratios(policy, elsewhere, batch) * batch.advantages).sum(dim=1)
    torch.testing.assert_close(loss, expected)


def test_at_the_sampling_parameters_both_inner_losses_have_the_same_gradient(policy, params, batch):
    here = params.expand(TASKS, -1)
    first, second = (
        task_gradients(TaskLosses(policy, loss(policy.distribution), batch), here)
        for loss in (Reinforce, Surrogate)
    )
    torch.testing.assert_close(first, second)
    expected = torch.func.grad(lambda p: TaskLosses(policy, Surrogate(policy.distribution), batch)(p).sum())(here)
    torch.testing.assert_close(second, expected)


def test_their_hessians_differ_by_the_mean_outer_product_of_scores(policy, params, batch):
    """Rothfuss et al. 2018, equation 5: the likelihood ratio keeps the part that REINFORCE's Hessian lacks."""
    here = params.expand(TASKS, -1)
    vectors = moved(params) - params
    products = [
        HessianProduct(TaskLosses(policy, loss(policy.distribution), batch), here)(vectors)
        for loss in (Reinforce, Surrogate)
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
        for loss in (Surrogate(policy.distribution), ClippedSurrogate(policy.distribution, 0.2))
    )
    torch.testing.assert_close(clipped(elsewhere), plain(elsewhere))
    torch.testing.assert_close(task_gradients(clipped, elsewhere), task_gradients(plain, elsewhere))


def test_clipping_takes_the_worse_of_two_gains_sample_by_sample(policy, params, batch):
    elsewhere, clip = moved(params), 0.05
    loss = TaskLosses(policy, ClippedSurrogate(policy.distribution, clip), batch)(elsewhere)
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
    clipped = task_gradients(TaskLosses(policy, ClippedSurrogate(policy.distribution, clip), batch), elsewhere)
    plain = task_gradients(TaskLosses(policy, Surrogate(policy.distribution), remaining), elsewhere)
    torch.testing.assert_close(clipped, plain)


def test_kl_divergence_is_the_mean_over_states(policy, params, batch):
    elsewhere = moved(params)
    divergence = TaskLosses(policy, KlDivergence(policy.distribution), batch)
    expected = policy.distribution.kl(batch.outputs, policy(elsewhere, batch.observations))
    torch.testing.assert_close(divergence(elsewhere), (batch.weights * expected).sum(dim=1))
    assert divergence(params.expand(TASKS, -1)).abs().max() < 1e-14
