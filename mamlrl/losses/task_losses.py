"""A loss of every task on data of every task."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from torch import Tensor

from mamlrl.losses.output_loss import OutputLoss
from mamlrl.networks.network import Network


@dataclass(frozen=True)
class TaskLosses:
    """A loss of every task on data of every task, as a function of parameters of each task.

    Attributes:
        network: Maps parameters and observations to outputs.
        output_loss: Maps outputs, shape (task, sample, K), and the batch to losses, shape (task,).
        batch: The data.
    """

    network: Network
    output_loss: OutputLoss
    batch: Any

    def __call__(self, params: Tensor) -> Tensor:
        """Evaluates the losses at parameters of each task, shape (task, P); returns shape (task,)."""
        return self.output_loss(self.network(params, self.batch.observations), self.batch)

    def differentiate(self, outputs: Tensor) -> tuple[Tensor, Callable[[Tensor], Tensor]]:
        """Derivatives of the losses in the network's outputs, see `OutputLoss.differentiate`."""
        return self.output_loss.differentiate(outputs, self.batch)

    def tasks(self, block: slice) -> TaskLosses:
        """Returns the losses of some of the tasks."""
        return replace(self, batch=self.batch.tasks(block))

    def subsample(self, fraction: float) -> TaskLosses:
        """Returns the losses on a fraction of the samples."""
        return replace(self, batch=self.batch.subsample(fraction))
