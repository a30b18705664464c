"""The outer step: what adaptation makes of meta-parameters, its exact gradient, its exact curvature."""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor

from mamlrl.adaptation import Adaptation, Estimator, Jacobian
from mamlrl.advantages import Batch
from mamlrl.linalg import FisherProduct, task_gradients
from mamlrl.losses import TaskLosses, kl_divergence, surrogate
from mamlrl.policies import MlpPolicy


class MetaObjective:
    """The mean surrogate loss of adapted policies on their own episodes, as a function of meta-parameters.

    At the old meta-parameters the KL divergence is 0 with zero gradient, so its Hessian is exactly the mean
    of J_i^T F_i J_i: the second derivative of the adaptation drops out.

    Args:
        estimator: The rule of the inner loop.
        policy: The policy.
        adaptation: The inner loop at the old meta-parameters.
        batch: Episodes of the adapted policies.
    """

    def __init__(self, estimator: Estimator, policy: MlpPolicy, adaptation: Adaptation, batch: Batch) -> None:
        self._estimator = estimator
        self._policy = policy
        self._adaptation = adaptation
        self._batch = batch
        self._jacobians: dict[float, Jacobian] = {}

    def gradient(self) -> Tensor:
        """Meta-gradient at the old meta-parameters: the mean of J_i^T grad L_i, shape (P,)."""
        losses = TaskLosses(self._policy, surrogate(self._policy.distribution), self._batch)
        gradients = task_gradients(losses, self._adaptation.params)
        return self._jacobian(1.0).pullback(gradients) / len(self._batch)

    def curvature(self, fraction: float = 1.0) -> Callable[[Tensor], Tensor]:
        """The product with the Hessian of the mean KL divergence at the old meta-parameters.

        Args:
            fraction: Fraction of the states to compute it on.

        Returns:
            v -> mean over tasks of J_i^T F_i J_i v, shape (P,) to (P,).
        """
        jacobian = self._jacobian(fraction)
        fisher = FisherProduct(self._policy, self._adaptation.params, self._batch.subsample(fraction))
        return lambda vector: jacobian.pullback(fisher(jacobian.pushforward(vector))) / len(self._batch)

    def evaluate(self, params: Tensor) -> tuple[float, float]:
        """Adapts `params`, shape (P,), on the same data; returns mean surrogate loss and mean KL divergence."""
        adapted = self._estimator.adapt(params, len(self._batch), self._adaptation.replay).params
        outputs = self._policy(adapted, self._batch.observations)
        loss = surrogate(self._policy.distribution)(outputs, self._batch).mean()
        kl = kl_divergence(self._policy.distribution)(outputs, self._batch).mean()
        return float(loss), float(kl)

    def _jacobian(self, fraction: float) -> Jacobian:
        if fraction not in self._jacobians:
            self._jacobians[fraction] = self._estimator.linearize(self._adaptation, fraction)
        return self._jacobians[fraction]
