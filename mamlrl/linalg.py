"""Matrix-free linear algebra: products with Hessians and Fisher matrices, conjugate gradient.

Everything that products at the same point share is computed once and kept, in blocks of tasks whose
activations stay in the processor's cache.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

import torch
from torch import Tensor

from mamlrl.advantages import Batch
from mamlrl.linearization import LossHessian, MlpLinearization
from mamlrl.losses import TaskLosses
from mamlrl.policies import MlpPolicy

BLOCK_SAMPLES = 8192  # samples whose activations, at 100 units a layer, fit a processor's cache


class HessianProduct:
    """v -> H_i v, H_i the Hessian of task i's loss at its parameters.

    Args:
        losses: A loss of every task.
        params: Parameters of each task, shape (task, P).
    """

    def __init__(self, losses: TaskLosses, params: Tensor) -> None:
        self._blocks = []
        for block in task_blocks(losses.batch):
            network, outputs, gradient = _differentiate(losses.tasks(block), params[block])
            hessian = LossHessian(network, gradient.detach(), _output_hvp(outputs, gradient))
            self._blocks.append((block, hessian))

    def __call__(self, vectors: Tensor) -> Tensor:
        """Multiplies the vector of each task, shape (task, P), by its Hessian."""
        return torch.cat([hessian(vectors[block]) for block, hessian in self._blocks])


class FisherProduct:
    """v -> F_i v, F_i the Fisher matrix of task i's policy, averaged over the states of a batch.

    F = mean of J^T M J over states, with J the Jacobian of the policy's outputs in its parameters and M the
    closed-form Fisher matrix of the action distribution in its outputs.

    Args:
        policy: Maps parameters and observations to outputs.
        params: Parameters of each task, shape (task, P).
        batch: States and their weights.
    """

    def __init__(self, policy: MlpPolicy, params: Tensor, batch: Batch) -> None:
        self._distribution = policy.distribution
        self._blocks = []
        for block in task_blocks(batch):
            part = batch.tasks(block)
            network = policy.linearize(params[block], part.observations)
            self._blocks.append((block, network, part.weights[..., None]))

    def __call__(self, vectors: Tensor) -> Tensor:
        """Multiplies the vector of each task, shape (task, P), by its Fisher matrix."""
        products = []
        for block, network, weights in self._blocks:
            tangents = network.jvp(vectors[block])
            products.append(network.vjp(weights * self._distribution.fisher_product(network.outputs, tangents)))
        return torch.cat(products)


def task_gradients(losses: TaskLosses, params: Tensor) -> Tensor:
    """Gradient of each task's loss at its parameters, shape (task, P)."""
    gradients = []
    for block in task_blocks(losses.batch):
        network, _, gradient = _differentiate(losses.tasks(block), params[block])
        gradients.append(network.vjp(gradient.detach()))
    return torch.cat(gradients)


def _differentiate(losses: TaskLosses, params: Tensor) -> tuple[MlpLinearization, Tensor, Tensor]:
    """The network, its outputs, and the gradient of the losses in them, a function of the outputs to autograd."""
    network = losses.policy.linearize(params, losses.batch.observations)
    outputs = network.outputs.requires_grad_()
    (gradient,) = torch.autograd.grad(losses.output_loss(outputs, losses.batch).sum(), outputs, create_graph=True)
    return network, outputs, gradient


def _output_hvp(outputs: Tensor, gradient: Tensor) -> Callable[[Tensor], Tensor]:
    """Multiplies by the Hessian in the outputs, which is symmetric, by a reverse pass through the gradient."""
    return lambda tangents: torch.autograd.grad(gradient, outputs, tangents, retain_graph=True)[0]


def task_blocks(batch: Batch) -> Iterator[slice]:
    """Splits the task axis into blocks: by cache size on a CPU, one block elsewhere."""
    size = len(batch)
    if batch.weights.device.type == "cpu":
        size = max(1, BLOCK_SAMPLES // batch.num_samples)
    return (slice(start, start + size) for start in range(0, len(batch), size))


class ConjugateGradientResult(NamedTuple):
    """Outcome of `conjugate_gradient`.

    Attributes:
        solution: x, approximately.
        residual: b - A x, as the recurrence carries it.
        iterations: Number of products taken.
    """

    solution: Tensor
    residual: Tensor
    iterations: int


def conjugate_gradient(
    matvec: Callable[[Tensor], Tensor],  # x -> A x
    b: Tensor,
    max_iterations: int = 10,
    tolerance: float = 1e-10,
) -> ConjugateGradientResult:
    """Solves A x = b for symmetric positive definite A (Hestenes & Stiefel 1952), from x = 0.

    Args:
        matvec: Multiplies by A.
        b: Right-hand side, shape (P,).
        max_iterations: Most products with A.
        tolerance: Squared norm of the residual at which to stop.

    Returns:
        The solution and how it was reached.
    """
    solution, residual, direction = torch.zeros_like(b), b, b
    squared = residual @ residual
    iterations = 0
    while iterations < max_iterations and squared > tolerance:
        product = matvec(direction)
        step = squared / (direction @ product)
        solution = solution + step * direction
        residual = residual - step * product
        previous, squared = squared, residual @ residual
        direction = residual + squared / previous * direction
        iterations += 1
    return ConjugateGradientResult(solution, residual, iterations)
