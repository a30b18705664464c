"""Losses linearised in a network's outputs: the network stays what it is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from mamlrl.losses.batches import Samples
from mamlrl.losses.derivatives import task_blocks, task_outputs
from mamlrl.losses.output_loss import OutputLoss
from mamlrl.losses.task_losses import TaskLosses
from mamlrl.networks.network import Linearization
from mamlrl.threads import map_blocks


@dataclass(frozen=True)
class LinearizedBatch(Samples):
    """Inputs of every task, and a loss's slope in the outputs of each.

    Attributes:
        slopes: Gradient of the loss in the outputs, divided by the samples' weights, shape (task, sample, K).
    """

    slopes: Tensor


class LinearLoss(OutputLoss):
    """The mean of slope^T outputs over each task's samples."""

    def __call__(self, outputs: Tensor, batch: LinearizedBatch) -> Tensor:
        """See `OutputLoss.__call__`."""
        return (batch.weights[..., None] * batch.slopes * outputs).sum(dim=(1, 2))

    def differentiate(self, outputs: Tensor, batch: LinearizedBatch) -> tuple[Tensor, Callable[[Tensor], Tensor]]:
        """See `OutputLoss.differentiate`; the Hessian is 0."""
        del outputs
        return batch.weights[..., None] * batch.slopes, torch.zeros_like


def linearize_in_outputs(losses: TaskLosses, params: Tensor, factor: float = 1.0) -> TaskLosses:
    """Replaces losses by their linear parts in the network's outputs, up to a constant.

    With the factor 1, they have the same gradient at the parameters, and the curvature of the network alone.

    Args:
        losses: Losses l(z) of outputs z.
        params: Parameters theta of each task, shape (task, P).
        factor: c.

    Returns:
        c l'(z(theta))^T z(phi), as a function of parameters phi.
    """
    batch = losses.batch
    gradient, _ = losses.differentiate(task_outputs(losses.network, params, batch))
    weights = batch.weights[..., None]
    slopes = torch.where(weights > 0, factor * gradient / weights, 0.0)  # samples that only pad have no weight
    return TaskLosses(losses.network, LinearLoss(), LinearizedBatch(batch.observations, batch.weights, slopes))


class MixedProduct:
    """v -> J_i(phi)^T G_i(theta) J_i(theta) v, G_i the Hessian of task i's loss in the outputs.

    J_i is the Jacobian of the outputs in the parameters. This is how the gradient at phi of
    `linearize_in_outputs(losses, theta)` depends on theta.

    Args:
        losses: Losses of every task.
        theta: Parameters that the losses are linearised at, shape (task, P).
        phi: Parameters that the gradient is taken at, shape (task, P).
    """

    def __init__(self, losses: TaskLosses, theta: Tensor, phi: Tensor) -> None:
        def linearize(block: slice) -> tuple[Linearization, Callable[[Tensor], Tensor], Linearization]:
            part = losses.tasks(block)
            here, there = (part.network.linearize(p[block], part.batch.observations) for p in (theta, phi))
            return here, part.differentiate(here.outputs)[1], there

        self._blocks = task_blocks(losses.batch.weights, losses.network.sample_cost)
        self._linearized = map_blocks(linearize, self._blocks)

    def __call__(self, vectors: Tensor) -> Tensor:
        """Multiplies the vector of each task, shape (task, P)."""
        return self._multiply(vectors, transposed=False)

    def transpose(self, vectors: Tensor) -> Tensor:
        """Multiplies the vector of each task, shape (task, P), by the transpose."""
        return self._multiply(vectors, transposed=True)

    def _multiply(self, vectors: Tensor, transposed: bool) -> Tensor:
        def multiply(
            block: slice, parts: tuple[Linearization, Callable[[Tensor], Tensor], Linearization]
        ) -> Tensor:
            here, hessian, there = parts
            source, target = (there, here) if transposed else (here, there)
            return target.vjp(hessian(source.jvp(vectors[block])))

        return torch.cat(map_blocks(multiply, self._blocks, self._linearized))
