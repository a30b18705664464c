"""Losses of every task, their gradients, and products with Hessian and Fisher matrix, without the matrices.

Everything that products at the same point share is computed once and kept, in blocks of tasks whose
activations stay in the processor's cache. Blocks are evaluated side by side, see `threads.map_blocks`.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from math import ceil

import torch
from torch import Tensor

from mamlrl.losses.batches import Samples
from mamlrl.losses.output_loss import OutputLoss
from mamlrl.losses.task_losses import TaskLosses
from mamlrl.networks.network import Linearization, Network
from mamlrl.threads import map_blocks

BLOCK_SAMPLES = 8192  # samples whose activations, at 100 units a layer, fit a processor's cache
CORES = 8  # that blocks can be divided among evenly, where there is work for more than one block


class HessianProduct:
    """v -> H_i v, H_i the Hessian of task i's loss at its parameters.

    Args:
        losses: A loss of every task.
        params: Parameters of each task, shape (task, P).
    """

    def __init__(self, losses: TaskLosses, params: Tensor) -> None:
        def linearize(block: slice) -> Callable[[Tensor], Tensor]:
            network, gradient, output_hvp = _differentiate(losses.tasks(block), params[block])
            return network.hessian(gradient, output_hvp)

        self._blocks = task_blocks(losses.batch.weights, losses.network.sample_cost)
        self._hessians = map_blocks(linearize, self._blocks)

    def __call__(self, vectors: Tensor) -> Tensor:
        """Multiplies the vector of each task, shape (task, P), by its Hessian."""

        def multiply(block: slice, hessian: Callable[[Tensor], Tensor]) -> Tensor:
            return hessian(vectors[block])

        return torch.cat(map_blocks(multiply, self._blocks, self._hessians))


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
        def linearize(block: slice) -> Linearization:
            return network.linearize(params[block], batch.observations[block])

        self._distribution = network.distribution
        self._weights = batch.weights[..., None]
        self._blocks = task_blocks(batch.weights, network.sample_cost)
        self._linearized = map_blocks(linearize, self._blocks)

    def __call__(self, vectors: Tensor) -> Tensor:
        """Multiplies the vector of each task, shape (task, P), by its Fisher matrix."""

        def multiply(block: slice, linearized: Linearization) -> Tensor:
            product = self._distribution.fisher_product(linearized.outputs, linearized.jvp(vectors[block]))
            return linearized.vjp(self._weights[block] * product)

        return torch.cat(map_blocks(multiply, self._blocks, self._linearized))


def task_gradients(losses: TaskLosses, params: Tensor) -> Tensor:
    """Gradient of each task's loss at its parameters, shape (task, P)."""

    def differentiate(block: slice) -> Tensor:
        network, gradient, _ = _differentiate(losses.tasks(block), params[block])
        return network.vjp(gradient)

    return torch.cat(map_blocks(differentiate, task_blocks(losses.batch.weights, losses.network.sample_cost)))


def task_values(network: Network, params: Tensor, batch: Samples, *losses: OutputLoss) -> list[Tensor]:
    """Values of losses of each task at its parameters, each of shape (task,).

    Args:
        network: Maps parameters and observations to outputs.
        params: Parameters of each task, shape (task, P).
        batch: The data.
        *losses: Losses of the outputs, which are computed once for all of them.
    """

    def evaluate(block: slice) -> list[Tensor]:
        part = batch.tasks(block)
        outputs = network(params[block], part.observations)
        return [loss(outputs, part) for loss in losses]

    values = map_blocks(evaluate, task_blocks(batch.weights, network.sample_cost))
    return [torch.cat(of_loss) for of_loss in zip(*values, strict=True)]


def task_outputs(network: Network, params: Tensor, batch: Samples) -> Tensor:
    """Outputs of each task's network, its parameters of shape (task, P), on its inputs: (task, sample, K)."""

    def evaluate(block: slice) -> Tensor:
        return network(params[block], batch.observations[block])

    return torch.cat(map_blocks(evaluate, task_blocks(batch.weights, network.sample_cost)))


def _differentiate(losses: TaskLosses, params: Tensor) -> tuple[Linearization, Tensor, Callable[[Tensor], Tensor]]:
    """The network, and the gradient and the Hessian product of the losses in its outputs."""
    network = losses.network.linearize(params, losses.batch.observations)
    return network, *losses.differentiate(network.outputs)


def task_blocks(samples: Tensor, sample_cost: float = 1.0) -> list[slice]:
    """Splits the task axis into even blocks: by cache size and for many cores on a CPU, one block elsewhere.

    They do not depend on the number of threads, since the rounding of a task's numbers depends on its block.

    Args:
        samples: Anything of every sample, shape (task, sample, ...).
        sample_cost: See `Network.sample_cost`.
    """
    num_tasks, count = len(samples), 1
    if samples.device.type == "cpu":
        count = ceil(num_tasks / max(1, int(BLOCK_SAMPLES / (samples.shape[1] * sample_cost))))
    if count > 1:
        count = min(num_tasks, CORES * ceil(count / CORES))
    ends = [num_tasks * index // count for index in range(count + 1)]
    return [slice(*pair) for pair in pairwise(ends)]
