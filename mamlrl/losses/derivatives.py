"""Gradients of every task's loss, and products with its Hessian and Fisher matrix, without the matrices.

Everything that products at the same point share is computed once and kept, in blocks of tasks whose
activations stay in the processor's cache.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import torch
from torch import Tensor

from mamlrl.losses.batches import Samples
from mamlrl.losses.task_losses import TaskLosses
from mamlrl.networks.network import Linearization, Network

BLOCK_SAMPLES = 8192  # samples whose activations, at 100 units a layer, fit a processor's cache


class HessianProduct:
    """v -> H_i v, H_i the Hessian of task i's loss at its parameters.

    Args:
        losses: A loss of every task.
        params: Parameters of each task, shape (task, P).
    """

    def __init__(self, losses: TaskLosses, params: Tensor) -> None:
        self._blocks = []
        for block in task_blocks(losses.batch, losses.network.sample_cost):
            network, gradient, output_hvp = _differentiate(losses.tasks(block), params[block])
            self._blocks.append((block, network.hessian(gradient, output_hvp)))

    def __call__(self, vectors: Tensor) -> Tensor:
        """Multiplies the vector of each task, shape (task, P), by its Hessian."""
        return torch.cat([hessian(vectors[block]) for block, hessian in self._blocks])


class FisherProduct:
    """v -> F_i v, F_i the Fisher matrix of task i's network, averaged over the inputs of a batch.

    F = mean of J^T M J over inputs, with J the Jacobian of the network's outputs in its parameters and M the
    closed-form Fisher matrix of the distribution of actions, or targets, in the outputs.

    Args:
        network: Maps parameters and observations to outputs.
        params: Parameters of each task, shape (task, P).
        batch: Observations and their weights.
    """

    def __init__(self, network: Network, params: Tensor, batch: Samples) -> None:
        self._distribution = network.distribution
        self._blocks = []
        for block in task_blocks(batch, network.sample_cost):
            part = batch.tasks(block)
            linearized = network.linearize(params[block], part.observations)
            self._blocks.append((block, linearized, part.weights[..., None]))

    def __call__(self, vectors: Tensor) -> Tensor:
        """Multiplies the vector of each task, shape (task, P), by its Fisher matrix."""
        products = []
        for block, linearized, weights in self._blocks:
            product = self._distribution.fisher_product(linearized.outputs, linearized.jvp(vectors[block]))
            products.append(linearized.vjp(weights * product))
        return torch.cat(products)


def task_gradients(losses: TaskLosses, params: Tensor) -> Tensor:
    """Gradient of each task's loss at its parameters, shape (task, P)."""
    gradients = []
    for block in task_blocks(losses.batch, losses.network.sample_cost):
        network, gradient, _ = _differentiate(losses.tasks(block), params[block])
        gradients.append(network.vjp(gradient))
    return torch.cat(gradients)


def task_outputs(network: Network, params: Tensor, batch: Samples) -> Tensor:
    """Outputs of each task's network, its parameters of shape (task, P), on its inputs: (task, sample, K)."""
    blocks = task_blocks(batch, network.sample_cost)
    return torch.cat([network(params[block], batch.observations[block]) for block in blocks])


def _differentiate(losses: TaskLosses, params: Tensor) -> tuple[Linearization, Tensor, Callable[[Tensor], Tensor]]:
    """The network, and the gradient and the Hessian product of the losses in its outputs."""
    network = losses.network.linearize(params, losses.batch.observations)
    return network, *losses.differentiate(network.outputs)


def task_blocks(batch: Samples, sample_cost: float = 1.0) -> Iterator[slice]:
    """Splits the task axis into blocks: by cache size on a CPU, one block elsewhere.

    Args:
        batch: The data.
        sample_cost: See `Network.sample_cost`.
    """
    size = len(batch)
    if batch.weights.device.type == "cpu":
        size = max(1, int(BLOCK_SAMPLES / (batch.num_samples * sample_cost)))
    return (slice(start, start + size) for start in range(0, len(batch), size))
