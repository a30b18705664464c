"""A loss as a function of a network's outputs: the contract."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any, ClassVar

import torch
from torch import Tensor


class OutputLoss(ABC):
    """Maps the outputs of every task's network, and a batch, to one number for each task.

    Several threads evaluate it at the same time, each for some of the tasks: its methods must not change it.

    Attributes:
        on_policy: Whether it holds only at the parameters that sampled the batch.
    """

    on_policy: ClassVar[bool] = False

    @abstractmethod
    def __call__(self, outputs: Tensor, batch: Any) -> Tensor:
        """Evaluates the losses.

        Args:
            outputs: Shape (task, sample, K).
            batch: The data, see `losses.batches`.

        Returns:
            Shape (task,).
        """

    def differentiate(self, outputs: Tensor, batch: Any) -> tuple[Tensor, Callable[[Tensor], Tensor]]:
        """Derivatives of the losses in the outputs: here, by autograd.

        Args:
            outputs: Shape (task, sample, K).
            batch: The data.

        Returns:
            The gradient, and the product with the Hessian, both of the outputs' shape.
        """
        outputs = outputs.detach().requires_grad_()
        (gradient,) = torch.autograd.grad(self(outputs, batch).sum(), outputs, create_graph=True)

        def product(tangents: Tensor) -> Tensor:  # the Hessian is symmetric, so a reverse pass multiplies by it
            return torch.autograd.grad(gradient, outputs, tangents, retain_graph=True)[0]

        return gradient.detach(), product
