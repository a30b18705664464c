"""Losses of policies: inner REINFORCE, outer surrogates, KL divergence."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from mamlrl.losses.batches import Batch
from mamlrl.losses.output_loss import OutputLoss
from mamlrl.networks.distribution import Distribution


@dataclass(frozen=True)
class Reinforce(OutputLoss):
    """REINFORCE: mean of -log pi(a|s) A over each task's samples (Finn et al. 2017, equation 4).

    Attributes:
        distribution: Distribution of the actions.
    """

    on_policy = True

    distribution: Distribution

    def __call__(self, outputs: Tensor, batch: Batch) -> Tensor:
        """See `OutputLoss.__call__`."""
        log_prob = self.distribution.log_prob(outputs, batch.actions)
        return -(batch.weights * log_prob * batch.advantages).sum(dim=1)


@dataclass(frozen=True)
class Surrogate(OutputLoss):
    """TRPO's surrogate: mean of -pi(a|s) / pi_sampled(a|s) A (Schulman et al. 2015, equation 14).

    As an inner loss it is the one of low variance: at the parameters that sampled the episodes its gradient is
    that of REINFORCE, and its Hessian the policy's term of the expected return's (Rothfuss et al. 2018).

    Attributes:
        distribution: Distribution of the actions.
    """

    distribution: Distribution

    def __call__(self, outputs: Tensor, batch: Batch) -> Tensor:
        """See `OutputLoss.__call__`."""
        ratio = _likelihood_ratio(self.distribution, outputs, batch)
        return -(batch.weights * ratio * batch.advantages).sum(dim=1)


@dataclass(frozen=True)
class ClippedSurrogate(OutputLoss):
    """The surrogate with its gain from likelihood ratios outside [1 - clip, 1 + clip] cut off.

    Schulman et al. 2017, *Proximal Policy Optimization*, equation 7.

    Attributes:
        distribution: Distribution of the actions.
        clip: Largest change of the ratio that can gain.
    """

    distribution: Distribution
    clip: float

    def __call__(self, outputs: Tensor, batch: Batch) -> Tensor:
        """See `OutputLoss.__call__`."""
        ratio = _likelihood_ratio(self.distribution, outputs, batch)
        clipped = ratio.clamp(1 - self.clip, 1 + self.clip)
        gain = (ratio * batch.advantages).minimum(clipped * batch.advantages)
        return -(batch.weights * gain).sum(dim=1)


@dataclass(frozen=True)
class KlDivergence(OutputLoss):
    """Mean KL(pi_sampled || pi) over each task's states, in nats.

    Attributes:
        distribution: Distribution of the actions.
    """

    distribution: Distribution

    def __call__(self, outputs: Tensor, batch: Batch) -> Tensor:
        """See `OutputLoss.__call__`."""
        return (batch.weights * self.distribution.kl(batch.outputs, outputs)).sum(dim=1)


def _likelihood_ratio(distribution: Distribution, outputs: Tensor, batch: Batch) -> Tensor:
    """pi(a|s) / pi_sampled(a|s), shape (task, sample)."""
    log_prob = distribution.log_prob(outputs, batch.actions)
    return (log_prob - distribution.log_prob(batch.outputs, batch.actions)).exp()
