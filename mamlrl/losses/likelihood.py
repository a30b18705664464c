"""The loss of supervised learning."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor

from mamlrl.losses.batches import LabelledBatch
from mamlrl.losses.output_loss import OutputLoss
from mamlrl.networks.distribution import CanonicalDistribution, Distribution


@dataclass(frozen=True)
class NegativeLogLikelihood(OutputLoss):
    """Mean of -log p(target) over each task's examples, with its derivatives in closed form.

    Attributes:
        distribution: Distribution of the targets.
    """

    distribution: CanonicalDistribution

    def __call__(self, outputs: Tensor, batch: LabelledBatch) -> Tensor:
        """See `OutputLoss.__call__`."""
        return -(batch.weights * self.distribution.log_prob(outputs, batch.targets)).sum(dim=1)

    def differentiate(self, outputs: Tensor, batch: LabelledBatch) -> tuple[Tensor, Callable[[Tensor], Tensor]]:
        """See `OutputLoss.differentiate`; the Hessian is the Fisher matrix, whatever the targets."""
        weights = batch.weights[..., None]

        def product(tangents: Tensor) -> Tensor:
            return weights * self.distribution.fisher_product(outputs, tangents)

        return -weights * self.distribution.score(outputs, batch.targets), product


def negative_log_likelihood(distribution: Distribution) -> NegativeLogLikelihood:
    """Returns the loss of a distribution: the squared error, up to a constant, or the cross-entropy."""
    assert isinstance(distribution, CanonicalDistribution)
    return NegativeLogLikelihood(distribution)
