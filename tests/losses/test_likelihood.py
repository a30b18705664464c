import pytest
import torch
from problems import OBSERVATION_SIZE, relative_error

from mamlrl.losses.batches import LabelledBatch
from mamlrl.losses.likelihood import negative_log_likelihood
from mamlrl.losses.task_losses import TaskLosses
from mamlrl.networks.categorical import Categorical
from mamlrl.networks.gaussian import IsotropicGaussian
from mamlrl.networks.mlp import MlpPolicy


def supervised_losses(distribution):
    network = MlpPolicy(OBSERVATION_SIZE, distribution, (5,), "tanh")
    generator = torch.Generator().manual_seed(0)
    observations = torch.randn(3, 7, OBSERVATION_SIZE, generator=generator, dtype=torch.float64)
    outputs = torch.randn(3, 7, distribution.output_size, generator=generator, dtype=torch.float64)
    weights = torch.rand(3, 7, generator=generator, dtype=torch.float64)
    noise = distribution.noise((3, 7), generator, torch.float64)
    batch = LabelledBatch(observations, weights, distribution.sample(outputs, noise))
    return TaskLosses(network, negative_log_likelihood(distribution), batch), outputs


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


@pytest.mark.parametrize("distribution", [IsotropicGaussian(2), Categorical(4)], ids=repr)
def test_the_closed_form_derivatives_in_the_outputs_are_those_of_torch_func(distribution):
    losses, outputs = supervised_losses(distribution)

    def total(here):
        return losses.output_loss(here, losses.batch).sum()

    tangents = torch.randn(outputs.shape, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    gradient, product = losses.differentiate(outputs)
    assert relative_error(gradient, torch.func.grad(total)(outputs)) < 1e-12
    expected = torch.func.jvp(torch.func.grad(total), (outputs,), (tangents,))[1]
    assert relative_error(product(tangents), expected) < 1e-12
