"""The meta-objective: what adaptation makes of meta-parameters, its exact gradient, its exact curvature."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from mamlrl.adaptation.estimator import Adaptation, Estimator, Jacobian
from mamlrl.distributed.exchange import all_sum
from mamlrl.distributed.team import size
from mamlrl.losses.derivatives import FisherProduct, task_gradients, task_values
from mamlrl.losses.output_loss import OutputLoss
from mamlrl.losses.policy_losses import KlDivergence
from mamlrl.losses.task_losses import TaskLosses
from mamlrl.metric_names import Metrics, means


def mean_over_tasks(total: Tensor, num_tasks: int, weight: float = 1.0) -> Tensor:
    """Returns the mean over the tasks of the meta-batch, those of all processes.

    Every mean of the meta-objective is taken here, and nowhere else.

    Args:
        total: Sum over the tasks of this process, of any shape.
        num_tasks: Number of tasks of this process.
        weight: Weight of each of them in the mean.
    """
    if size() == 1:
        return total / num_tasks
    sums = all_sum(torch.cat([total.flatten(), total.new_tensor([num_tasks])]) * weight)
    return (sums[:-1] / sums[-1]).view_as(total)


class MetaObjective:
    """The mean loss of adapted networks on data of their own, as a function of meta-parameters.

    At the old meta-parameters the KL divergence is 0 with zero gradient, so its Hessian is exactly the mean
    of J_i^T F_i J_i: the second derivative of the adaptation drops out.

    Args:
        estimator: The inner loop's estimator.
        adaptation: The inner loop at the old meta-parameters.
        losses: Losses of the adapted networks.
        before: Further losses of the networks before each inner step, which are added, see `exploration_losses`;
            none by default.
        weight: Weight of each of this process's tasks in means over those of all processes.
    """

    def __init__(
        self,
        estimator: Estimator,
        adaptation: Adaptation,
        losses: TaskLosses,
        before: Sequence[TaskLosses] = (),
        weight: float = 1.0,
    ) -> None:
        self._estimator = estimator
        self._adaptation = adaptation
        self._losses = losses
        self._before = before
        self._weight = weight
        self._network = losses.network
        self._jacobians: dict[float, Jacobian] = {}

    @property
    def num_tasks(self) -> int:
        """Tasks in the meta-batch."""
        return len(self._losses.batch)

    def gradient(self) -> Tensor:
        """Meta-gradient at the old meta-parameters: the mean of J_i^T grad L_i, shape (P + R,)."""
        return self._mean(self.gradient_sum())

    def gradient_sum(self) -> Tensor:
        """Sum of J_i^T grad L_i over the tasks of this process, shape (P + R,)."""
        gradients = task_gradients(self._losses, self._adaptation.phi)
        total = self._jacobian(1.0).pullback(gradients)
        for step, losses in enumerate(self._before):
            gradients = task_gradients(losses, self._adaptation.trajectory[step])
            total = total + self._jacobian(1.0).pullback(gradients, step)
        return total

    def curvature(self, fraction: float = 1.0) -> Callable[[Tensor], Tensor]:
        """The product with the Hessian of the mean KL divergence at the old meta-parameters.

        Args:
            fraction: Fraction of the states to compute it on.

        Returns:
            v -> mean over tasks of J_i^T F_i J_i v, shape (P + R,) to (P + R,).
        """
        jacobian = self._jacobian(fraction)
        batch = self._losses.batch.subsample(fraction)
        fisher = FisherProduct(self._network, self._adaptation.phi, batch)

        def multiply(vector: Tensor) -> Tensor:
            return self._mean(jacobian.pullback(fisher(jacobian.pushforward(vector))))

        return multiply

    def evaluate(self, theta: Tensor) -> tuple[float, float]:
        """Adapts `theta`, shape (P + R,), on the same data; returns mean loss and mean KL divergence."""
        batch, adaptation = self._losses.batch, self._adapt(theta)
        losses = self._losses.output_loss, KlDivergence(self._network.distribution)
        loss, kl = task_values(self._network, adaptation.phi, batch, *losses)
        for step, each in enumerate(self._before):
            phi = adaptation.trajectory[step]
            loss = loss + task_values(self._network, phi, each.batch, each.output_loss)[0]
        mean_loss, mean_kl = self._mean(torch.stack([loss.sum(), kl.sum()])).tolist()
        return mean_loss, mean_kl

    def moved(self, theta: Tensor, output_loss: OutputLoss) -> MetaObjective:
        """Returns the objective of another loss on the same data, `theta`, shape (P + R,), being the old ones."""
        losses = TaskLosses(self._network, output_loss, self._losses.batch)
        return MetaObjective(self._estimator, self._adapt(theta), losses, self._before, self._weight)

    def inner_gradient(self, output_loss: OutputLoss) -> tuple[float, Tensor]:
        """A loss on the data of the inner loop, at the parameters before each of its steps, and its gradient.

        With the KL divergence it is ProMP's penalty: how far the policies are from those that sampled the data.

        Args:
            output_loss: The loss.

        Returns:
            The mean over tasks and inner steps, and its gradient in the meta-parameters, shape (P + R,); 0 where
            there are no inner steps.
        """
        if not self._adaptation.updates:
            return 0.0, self._jacobian(1.0).pullback(torch.zeros_like(self._adaptation.phi))
        values, gradients = [], []
        for index, update in enumerate(self._adaptation.updates):
            losses, phi = TaskLosses(self._network, output_loss, update.losses.batch), update.path[0]
            (value,) = task_values(self._network, phi, losses.batch, output_loss)
            values.append(self._mean(value.sum()))
            pulled_back = self._jacobian(1.0).pullback(task_gradients(losses, phi), index)
            gradients.append(self._mean(pulled_back))
        return float(torch.stack(values).mean()), torch.stack(gradients).mean(dim=0)

    def metrics(self) -> Metrics:
        """Returns what the adaptation and the products with its Jacobian report."""
        metrics = means([self._estimator.rule.metrics(update) for update in self._adaptation.updates])
        for jacobian in self._jacobians.values():
            metrics |= jacobian.metrics()
        return metrics

    def _mean(self, total: Tensor) -> Tensor:
        return mean_over_tasks(total, self.num_tasks, self._weight)

    def _adapt(self, theta: Tensor) -> Adaptation:
        return self._estimator.adapt(theta, self.num_tasks, self._adaptation.replay)

    def _jacobian(self, fraction: float) -> Jacobian:
        if fraction not in self._jacobians:
            self._jacobians[fraction] = self._estimator.linearize(self._adaptation, fraction)
        return self._jacobians[fraction]
