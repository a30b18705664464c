"""The outer step: what adaptation makes of meta-parameters, its exact gradient, its exact curvature."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from mamlrl.adaptation.estimator import Adaptation, Estimator, Jacobian
from mamlrl.losses.derivatives import FisherProduct, task_gradients
from mamlrl.losses.policy_losses import OutputLoss, TaskLosses, kl_divergence


class MetaObjective:
    """The mean loss of adapted networks on data of their own, as a function of meta-parameters.

    At the old meta-parameters the KL divergence is 0 with zero gradient, so its Hessian is exactly the mean
    of J_i^T F_i J_i: the second derivative of the adaptation drops out.

    Args:
        estimator: The rule of the inner loop.
        adaptation: The inner loop at the old meta-parameters.
        losses: Losses of the adapted networks.
    """

    def __init__(self, estimator: Estimator, adaptation: Adaptation, losses: TaskLosses) -> None:
        self._estimator = estimator
        self._adaptation = adaptation
        self._losses = losses
        self._network = losses.network
        self._jacobians: dict[float, Jacobian] = {}

    def gradient(self) -> Tensor:
        """Meta-gradient at the old meta-parameters: the mean of J_i^T grad L_i, shape (P + R,)."""
        gradients = task_gradients(self._losses, self._adaptation.params)
        return self._jacobian(1.0).pullback(gradients) / len(gradients)

    def curvature(self, fraction: float = 1.0) -> Callable[[Tensor], Tensor]:
        """The product with the Hessian of the mean KL divergence at the old meta-parameters.

        Args:
            fraction: Fraction of the states to compute it on.

        Returns:
            v -> mean over tasks of J_i^T F_i J_i v, shape (P + R,) to (P + R,).
        """
        jacobian = self._jacobian(fraction)
        batch = self._losses.batch.subsample(fraction)
        fisher = FisherProduct(self._network, self._adaptation.params, batch)
        return lambda vector: jacobian.pullback(fisher(jacobian.pushforward(vector))) / len(batch)

    def evaluate(self, params: Tensor) -> tuple[float, float]:
        """Adapts `params`, shape (P + R,), on the same data; returns mean loss and mean KL divergence."""
        batch = self._losses.batch
        adapted = self._adapt(params).params
        outputs = self._network(adapted, batch.observations)
        loss = self._losses.output_loss(outputs, batch).mean()
        kl = kl_divergence(self._network.distribution)(outputs, batch).mean()
        return float(loss), float(kl)

    def moved(self, params: Tensor, output_loss: OutputLoss) -> MetaObjective:
        """Returns the objective of another loss on the same data, `params`, shape (P + R,), being the old ones."""
        losses = TaskLosses(self._network, output_loss, self._losses.batch)
        return MetaObjective(self._estimator, self._adapt(params), losses)

    def inner_kl_gradient(self) -> tuple[float, Tensor]:
        """The mean KL divergence from the policies that sampled the inner loop's episodes, and its gradient.

        Returns:
            The mean over tasks and inner steps, in nats, and its gradient in the meta-parameters, shape (P + R,).
        """
        updates = self._adaptation.updates
        loss = kl_divergence(self._network.distribution)
        values, gradients = [], []
        for index, update in enumerate(updates):
            divergences = TaskLosses(self._network, loss, update.losses.batch)
            values.append(divergences(update.path[0]).mean())
            cotangents = task_gradients(divergences, update.path[0])
            gradients.append(self._jacobian(1.0).pullback(cotangents, index) / len(cotangents))
        return float(torch.stack(values).mean()), torch.stack(gradients).mean(dim=0)

    def metrics(self) -> dict[str, float]:
        """Returns what the adaptation and the products with its Jacobian report."""
        rows = [self._estimator.rule.metrics(update) for update in self._adaptation.updates]
        means = {name: sum(row[name] for row in rows) / len(rows) for name in rows[0]} if rows else {}
        for jacobian in self._jacobians.values():
            means |= jacobian.metrics()
        return means

    def _adapt(self, params: Tensor) -> Adaptation:
        return self._estimator.adapt(params, len(self._losses.batch), self._adaptation.replay)

    def _jacobian(self, fraction: float) -> Jacobian:
        if fraction not in self._jacobians:
            self._jacobians[fraction] = self._estimator.linearize(self._adaptation, fraction)
        return self._jacobians[fraction]
