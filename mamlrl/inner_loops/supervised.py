"""Adapting to tasks by a few examples of each, and measuring the outcome on others."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from mamlrl.adaptation.estimator import Adaptation, Estimator
from mamlrl.losses.batches import LabelledBatch
from mamlrl.losses.derivatives import task_outputs
from mamlrl.losses.likelihood import negative_log_likelihood
from mamlrl.losses.task_losses import TaskLosses
from mamlrl.networks.network import Network
from mamlrl.outer.objective import MetaObjective
from mamlrl.supervised.tasks import SupervisedTasks


@dataclass(frozen=True)
class SupervisedInnerLoop:
    """Adapts a network to the support examples of each task, the same in every step.

    Attributes:
        network: The network.
        estimator: The inner loop's estimator.
    """

    network: Network
    estimator: Estimator

    def losses(self, batch: LabelledBatch) -> TaskLosses:
        """The losses on examples: squared errors, or cross-entropies."""
        return TaskLosses(self.network, negative_log_likelihood(self.network.distribution), batch)

    def adapt(self, theta: Tensor, support: LabelledBatch) -> Adaptation:
        """Adapts meta-parameters, shape (P + R,), to every task."""
        losses = self.losses(support)
        return self.estimator.adapt(theta, len(support), lambda step, phi: losses)

    def objective(self, adaptation: Adaptation, query: LabelledBatch) -> MetaObjective:
        """The objective of the outer step: the losses on the query examples after adaptation."""
        return MetaObjective(self.estimator, adaptation, self.losses(query))

    def measure(
        self, tasks: SupervisedTasks, adaptation: Adaptation, query: LabelledBatch
    ) -> dict[str, NDArray[np.float64]]:
        """Measures the networks after every number of steps on the query examples.

        Returns:
            The metrics of the tasks, and the `loss`, by name, each of shape (step + 1, task).
        """
        losses = self.losses(query)
        rows = []
        for params in adaptation.trajectory:
            outputs = task_outputs(self.network, params, query)
            rows.append({**tasks.measure(outputs, query.targets), "loss": losses.output_loss(outputs, query)})
        return {name: np.stack([row[name].double().cpu().numpy() for row in rows]) for name in rows[0]}
