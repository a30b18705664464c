from dataclasses import replace

import numpy as np
import pytest
import torch
from random_rollouts import make_rollouts

from mamlrl.sampling.advantages import AdvantageConfig, make_value_baseline, process
from mamlrl.sampling.discounting import discounted_sum
from mamlrl.sampling.value_baseline import (
    LinearFeatureBaseline,
    ValueBaseline,
    baseline_features,
    explained_variance,
    fit_values,
)

TASKS, EPISODES, TIME, SIZE = 4, 5, 30, 3


@pytest.fixture
def generator():
    return torch.Generator().manual_seed(0)


@pytest.fixture
def observations(generator):
    return torch.randn(TASKS, EPISODES, TIME, SIZE, generator=generator, dtype=torch.float64)


@pytest.fixture
def returns(generator):
    return torch.randn(TASKS, EPISODES, TIME, generator=generator, dtype=torch.float64)


@pytest.fixture
def mask(generator):
    lengths = torch.randint(TIME // 2, TIME + 1, (TASKS, EPISODES, 1), generator=generator)
    return (torch.arange(TIME) < lengths).double()


def ridge_regression(features, returns, mask, ridge):
    """Predictions of one task by numpy: least squares with sqrt(ridge) times the identity appended."""
    kept = mask.numpy().astype(bool)
    design, targets = features.numpy()[kept], returns.numpy()[kept]
    size = design.shape[1]
    augmented = np.concatenate([design, np.sqrt(ridge) * np.eye(size)])
    weights, *_ = np.linalg.lstsq(augmented, np.concatenate([targets, np.zeros(size)]), rcond=None)
    return np.where(kept, features.numpy() @ weights, 0.0)


def ones_twice(scale, steps=4):
    """Features of one task and episode: the same column twice, so that the Gram matrix is singular."""
    return torch.full((1, 1, steps, 2), scale, dtype=torch.float64)


def test_features_are_those_of_duan(observations):
    observations = 8 * observations
    assert (observations.abs() > 10).any()
    features = baseline_features(observations)
    clipped = np.clip(observations.numpy(), -10, 10)
    time = np.broadcast_to(np.arange(TIME)[:, None] / 100, (TASKS, EPISODES, TIME, 1))
    expected = np.concatenate([clipped, clipped**2, time, time**2, time**3, np.ones_like(time)], axis=-1)
    np.testing.assert_allclose(features.numpy(), expected, rtol=1e-15)


def test_features_of_single_precision_observations_are_double(observations):
    features = baseline_features(observations.float())
    assert features.dtype == torch.float64
    torch.testing.assert_close(features, baseline_features(observations.float().double()), rtol=0, atol=0)


@pytest.mark.parametrize("ridge", [1e-5, 1e-2, 10.0])
def test_fit_equals_numpy_least_squares_for_every_task(observations, returns, mask, ridge):
    features = baseline_features(observations)
    values = fit_values(features, returns, mask, ridge)
    assert values.dtype == torch.float64
    for task in range(TASKS):
        expected = ridge_regression(features[task], returns[task], mask[task], ridge)
        np.testing.assert_allclose(values[task].numpy(), expected, rtol=0, atol=1e-8)


def test_default_ridge_is_the_original_codes(observations, returns, mask):
    features = baseline_features(observations)
    torch.testing.assert_close(
        fit_values(features, returns, mask), fit_values(features, returns, mask, 1e-5), rtol=0, atol=0
    )


def test_single_precision_returns_are_fitted_in_double(observations, returns, mask):
    features = baseline_features(observations)
    expected = fit_values(features, returns.float().double(), mask)
    torch.testing.assert_close(fit_values(features, returns.float(), mask), expected, rtol=0, atol=0)


def test_a_linear_function_of_the_features_is_recovered(observations, mask, generator):
    features = baseline_features(observations)
    weights = torch.randn(features.shape[-1], generator=generator, dtype=torch.float64)
    returns = features @ weights
    values = fit_values(features, returns, mask, 1e-10)
    torch.testing.assert_close(values, returns * mask, rtol=0, atol=1e-6)


def test_tasks_are_fitted_by_themselves(observations, returns, mask):
    features = baseline_features(observations)
    values = fit_values(features, returns, mask)
    other_returns = returns.clone()
    other_returns[1:] += 5
    other = fit_values(features, other_returns, mask)
    torch.testing.assert_close(other[0], values[0], rtol=0, atol=1e-10)
    assert not torch.allclose(other[1], values[1])


@pytest.mark.parametrize("garbage", [3.0, -1e9, torch.inf])
def test_masked_steps_change_nothing(observations, returns, mask, garbage):
    spoiled = torch.where(mask[..., None] > 0, observations, garbage)
    values = fit_values(baseline_features(observations), returns * mask, mask)
    spoiled_values = fit_values(baseline_features(spoiled), returns * mask, mask)
    np.testing.assert_array_equal(spoiled_values.numpy(), values.numpy())
    assert (values[mask == 0] == 0).all()


def test_masked_returns_change_nothing(observations, returns, mask):
    features = baseline_features(observations)
    spoiled = torch.where(mask > 0, returns, 1e3)
    values = fit_values(features, returns, mask)
    np.testing.assert_array_equal(fit_values(features, spoiled, mask).numpy(), values.numpy())


@pytest.mark.parametrize("increases", [0, 1, 3, 4, 5])
def test_ridge_grows_tenfold_up_to_five_times_while_the_solve_is_singular(increases):
    # the Gram matrix's entries are 4 scale^2, so a ridge is rounded away up to half their spacing
    exponent = next(e for e in range(20, 40) if np.spacing(4.0 ** (e + 1)) / 2 >= 10.0**increases / 10)
    scale = 2.0**exponent
    half_spacing = np.spacing(4 * scale**2) / 2
    assert 10.0 ** (increases - 1) <= half_spacing < 10.0**increases
    returns = torch.tensor([[[1.0, 2.0, 3.0, 6.0]]], dtype=torch.float64)
    values = fit_values(ones_twice(scale), returns, torch.ones_like(returns), ridge=1.0)
    torch.testing.assert_close(values, torch.full_like(returns, 3.0))


def test_a_singular_task_does_not_raise_the_ridge_of_the_others():
    regular = torch.tensor([[[[1.0, 0.0], [1.0, 1.0], [1.0, 2.0], [1.0, 4.0]]]], dtype=torch.float64)
    returns = torch.tensor([[[1.0, 2.0, 3.0, 6.0]]], dtype=torch.float64).expand(2, 1, 4)
    mask = torch.ones_like(returns)
    values = fit_values(torch.cat([ones_twice(2.0**30), regular]), returns, mask, ridge=1.0)
    expected = ridge_regression(regular[0], returns[1], mask[1], 1.0)
    np.testing.assert_allclose(values[1].numpy(), expected, atol=1e-10)
    torch.testing.assert_close(values[0], torch.full_like(values[0], 3.0))


def test_a_non_finite_gram_predicts_zero_and_spares_the_other_tasks(observations, returns, mask):
    features = baseline_features(observations)
    values = fit_values(features, returns, mask)
    overflowing = features.clone()
    overflowing[2] *= 1e200
    spoiled = fit_values(overflowing, returns, mask)
    others = torch.arange(TASKS) != 2
    assert (spoiled[2] == 0).all()
    torch.testing.assert_close(spoiled[others], values[others], rtol=0, atol=1e-12)


def test_explained_variance_equals_numpy(observations, returns, mask):
    values = fit_values(baseline_features(observations), returns, mask)
    explained = explained_variance(values, returns, mask)
    for task in range(TASKS):
        kept = mask[task].numpy().astype(bool)
        actual, residual = returns[task].numpy()[kept], (returns - values)[task].numpy()[kept]
        assert float(explained[task]) == pytest.approx(1 - np.var(residual) / np.var(actual), rel=1e-12)


def test_explained_variance_is_one_for_the_returns_and_zero_for_their_mean(returns, mask):
    torch.testing.assert_close(explained_variance(returns, returns, mask), torch.ones(TASKS, dtype=torch.float64))
    constant = torch.full_like(returns, 7.0)
    torch.testing.assert_close(
        explained_variance(constant, returns, mask), torch.zeros(TASKS, dtype=torch.float64)
    )


def test_explained_variance_ignores_masked_steps(returns, mask):
    values = 0.5 * returns
    spoiled = torch.where(mask > 0, values, 1e3)
    torch.testing.assert_close(
        explained_variance(spoiled, returns, mask), explained_variance(values, returns, mask)
    )


@pytest.mark.parametrize("constant", [0.0, 1.0, 0.1, -1e6, 1e-9])
@pytest.mark.parametrize("noise", [0.0, 1e-16])
def test_there_is_nothing_to_explain_of_returns_that_do_not_vary_but_for_rounding(
    mask, generator, constant, noise
):
    rounding = noise * torch.randn(mask.shape, generator=generator, dtype=torch.float64)
    returns = constant * (1 + rounding)
    returns[1] = torch.linspace(0, 1, TIME)
    explained = explained_variance(returns + 0.1, returns, mask)
    assert explained.isnan().tolist() == [True, False, True, True]


def test_small_but_true_differences_of_returns_are_explained(returns, mask):
    explained = explained_variance(1 + 1e-9 * returns, 1 + 1e-9 * returns, mask)
    torch.testing.assert_close(explained, torch.ones(TASKS, dtype=torch.float64))


def test_the_linear_baseline_is_the_regression_on_features(observations, returns):
    mask = torch.ones_like(returns)
    mask[0, 0, 3:] = 0
    expected = fit_values(baseline_features(observations), returns, mask, 0.1)
    assert torch.equal(LinearFeatureBaseline(0.1).fit(observations, returns, mask), expected)
    assert make_value_baseline(AdvantageConfig(ridge=0.1)) == LinearFeatureBaseline(0.1)


def test_the_baseline_that_is_given_is_the_one_that_is_subtracted():
    class Third(ValueBaseline):
        def fit(self, observations, returns, mask):
            return returns / 3

    rollouts = make_rollouts()
    config = AdvantageConfig(discount=0.9, gae_lambda=1.0, standardize=False, value_baseline=Third())
    advantages = process(rollouts, config).batch.advantages
    expected = process(rollouts, replace(config, value_baseline="linear"), Third()).batch.advantages
    assert torch.equal(advantages, expected)
    discounted = discounted_sum(rollouts.rewards * rollouts.mask, 0.9)
    total = (2 / 3 * discounted * rollouts.mask).sum()
    torch.testing.assert_close(advantages.double().sum(), total)
