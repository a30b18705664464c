import numpy as np
import pytest
import torch
from scipy import stats

from mamlrl.networks.context import ContextPolicy
from mamlrl.networks.images import NetworkConfig
from mamlrl.supervised.sinusoid import Sinusoid


@pytest.fixture(scope="module")
def examples():
    return Sinusoid().sample(np.random.default_rng(0), 2000, 6, 4)


def waves(batch):
    """Amplitude and phase of each task by least squares on sin x and cos x, and what they leave unexplained."""
    amplitudes, phases, residuals = [], [], []
    for x, y in zip(
        batch.observations[..., 0].double().numpy(), batch.targets[..., 0].double().numpy(), strict=True
    ):
        (a, b), *_ = np.linalg.lstsq(np.stack([np.sin(x), np.cos(x)], axis=1), y, rcond=None)
        amplitudes.append(np.hypot(a, b))
        phases.append(np.arctan2(-b, a))
        residuals.append(np.abs(a * np.sin(x) + b * np.cos(x) - y).max())
    return np.array(amplitudes), np.array(phases), np.array(residuals)


def test_shapes_and_weights(examples):
    for batch, count in [(examples.support, 6), (examples.query, 4)]:
        assert batch.observations.shape == batch.targets.shape == (2000, count, 1)
        assert torch.equal(batch.weights, torch.full((2000, count), 1 / count))
        assert batch.observations.dtype == batch.targets.dtype == torch.float32


def test_every_task_is_a_sine_wave_drawn_as_the_paper_says(examples):
    amplitudes, phases, residuals = waves(examples.support)
    assert residuals.max() < 1e-4
    assert stats.kstest(amplitudes, stats.uniform(0.1, 4.9).cdf).pvalue > 0.01
    assert stats.kstest(phases, stats.uniform(0, np.pi).cdf).pvalue > 0.01
    assert abs(stats.spearmanr(amplitudes, phases).statistic) < 0.06


def test_support_and_query_are_different_points_of_the_same_wave(examples):
    amplitudes, phases, residuals = waves(examples.query)
    same_amplitudes, same_phases, _ = waves(examples.support)
    well_posed = residuals < 1e-4
    assert well_posed.all()
    assert np.median(np.abs(amplitudes - same_amplitudes)) < 1e-4
    assert np.median(np.abs(phases - same_phases)) < 1e-4
    inputs = torch.cat([examples.support.observations, examples.query.observations], dim=1).flatten()
    assert len(inputs.unique()) > 0.99 * len(inputs)
    assert stats.kstest(inputs.numpy(), stats.uniform(-5, 10).cdf).pvalue > 0.01


def test_the_generator_determines_the_tasks():
    first, second, third = (Sinusoid().sample(np.random.default_rng(seed), 3, 2, 2) for seed in (1, 1, 2))
    assert torch.equal(first.query.targets, second.query.targets)
    assert not torch.isclose(first.query.targets, third.query.targets).any()


def test_mean_squared_error():
    outputs, targets = (
        torch.tensor([[[1.0], [2.0]], [[0.0], [0.0]]]),
        torch.tensor([[[3.0], [2.0]], [[1.0], [-1.0]]]),
    )
    assert Sinusoid().measure(outputs, targets)["mse"].tolist() == [2.0, 1.0]


def test_the_network_is_the_one_that_the_config_asks_for():
    network = Sinusoid().make_network(NetworkConfig(hidden_sizes=(40, 40)))
    assert network.num_parameters == 40 + 40 + 1600 + 40 + 40 + 1
    assert isinstance(Sinusoid().make_network(NetworkConfig(context_size=2)), ContextPolicy)
