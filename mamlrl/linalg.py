"""Matrix-free linear algebra: products with Hessians and Fisher matrices, conjugate gradient.

Products are taken from autograd graphs that are built once and kept, in blocks of tasks whose
activations stay in the processor's cache.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

import torch
from torch import Tensor

from mamlrl.advantages import Batch
from mamlrl.losses import TaskLosses
from mamlrl.policies import MlpPolicy

BLOCK_SAMPLES = 8192  # samples whose activations, at 100 units a layer, fit a processor's cache


class HessianProduct:
    """v -> H_i v, H_i the Hessian of task i's loss at its parameters.

    The gradient's graph is kept, and since a Hessian is symmetric one reverse pass through it is the product.

    Args:
        losses: A loss of every task.
        params: Parameters of each task, shape (task, P).
    """

    def __init__(self, losses: TaskLosses, params: Tensor) -> None:
        self._graphs = []
        for block in task_blocks(losses.batch):
            leaf = params[block].detach().requires_grad_()
            (gradient,) = torch.autograd.grad(losses.tasks(block)(leaf).sum(), leaf, create_graph=True)
            self._graphs.append((block, leaf, gradient))

    def __call__(self, vectors: Tensor) -> Tensor:
        """Multiplies the vector of each task, shape (task, P), by its Hessian."""
        products = [
            torch.autograd.grad(gradient, leaf, vectors[block], retain_graph=True)[0]
            for block, leaf, gradient in self._graphs
        ]
        return torch.cat(products)


class FisherProduct:
    """v -> F_i v, F_i the Fisher matrix of task i's policy, averaged over the states of a batch.

    F = mean of J^T M J over states, with J the Jacobian of the policy's outputs in its parameters and M the
    closed-form Fisher matrix of the action distribution in its outputs. J v is the derivative, in a dummy
    cotangent, of a reverse pass that is linear in it.

    Args:
        policy: Maps parameters and observations to outputs.
        params: Parameters of each task, shape (task, P).
        batch: States and their weights.
    """

    def __init__(self, policy: MlpPolicy, params: Tensor, batch: Batch) -> None:
        self._distribution = policy.distribution
        self._graphs = []
        for block in task_blocks(batch):
            part = batch.tasks(block)
            leaf = params[block].detach().requires_grad_()
            outputs = policy(leaf, part.observations)
            cotangent = torch.zeros_like(outputs, requires_grad=True)
            (pulled,) = torch.autograd.grad(outputs, leaf, cotangent, create_graph=True)
            self._graphs.append((block, leaf, outputs, cotangent, pulled, part.weights[..., None]))

    def __call__(self, vectors: Tensor) -> Tensor:
        """Multiplies the vector of each task, shape (task, P), by its Fisher matrix."""
        products = []
        for block, leaf, outputs, cotangent, pulled, weights in self._graphs:
            (tangents,) = torch.autograd.grad(pulled, cotangent, vectors[block], retain_graph=True)
            metric = weights * self._distribution.fisher_product(outputs.detach(), tangents)
            (product,) = torch.autograd.grad(outputs, leaf, metric, retain_graph=True)
            products.append(product)
        return torch.cat(products)


def task_gradients(losses: TaskLosses, params: Tensor) -> Tensor:
    """Gradient of each task's loss at its parameters, shape (task, P)."""
    gradients = []
    for block in task_blocks(losses.batch):
        leaf = params[block].detach().requires_grad_()
        gradients.append(torch.autograd.grad(losses.tasks(block)(leaf).sum(), leaf)[0])
    return torch.cat(gradients)


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
