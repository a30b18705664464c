"""Losses, one value a task: inner REINFORCE, outer surrogates, KL divergence, and supervised likelihood."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import torch
from torch import Tensor

from mamlrl.losses.batches import Batch, LabelledBatch
from mamlrl.networks.distributions import CanonicalFamily, Distribution
from mamlrl.networks.network import Network

OutputLoss = Callable[[Tensor, Any], Tensor]  # (outputs, batch) -> one value a task


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
        """Derivatives of the losses in the network's outputs, shape (task, sample, K).

        Returns:
            The gradient, and the product with the Hessian, both of the outputs' shape.
        """
        loss, batch = self.output_loss, self.batch
        if isinstance(loss, NegativeLogLikelihood):
            return loss.gradient(outputs, batch), partial(loss.hessian_product, outputs, batch)
        outputs = outputs.detach().requires_grad_()
        (gradient,) = torch.autograd.grad(loss(outputs, batch).sum(), outputs, create_graph=True)

        def product(tangents: Tensor) -> Tensor:  # the Hessian is symmetric, so a reverse pass multiplies by it
            return torch.autograd.grad(gradient, outputs, tangents, retain_graph=True)[0]

        return gradient.detach(), product

    def tasks(self, block: slice) -> TaskLosses:
        """Returns the losses of some of the tasks."""
        return replace(self, batch=self.batch.tasks(block))

    def subsample(self, fraction: float) -> TaskLosses:
        """Returns the losses on a fraction of the samples."""
        return replace(self, batch=self.batch.subsample(fraction))


def reinforce(distribution: Distribution) -> OutputLoss:
    """REINFORCE: mean of -log pi(a|s) A over each task's samples (Finn et al. 2017, equation 4)."""

    def loss(outputs: Tensor, batch: Batch) -> Tensor:
        log_prob = distribution.log_prob(outputs, batch.actions)
        return -(batch.weights * log_prob * batch.advantages).sum(dim=1)

    return loss


def surrogate(distribution: Distribution) -> OutputLoss:
    """TRPO's surrogate: mean of -pi(a|s) / pi_sampled(a|s) A (Schulman et al. 2015, equation 14).

    As an inner loss it is the one of low variance: at the parameters that sampled the episodes its gradient is
    that of REINFORCE, and its Hessian the policy's term of the expected return's (Rothfuss et al. 2018).
    """

    def loss(outputs: Tensor, batch: Batch) -> Tensor:
        ratio = _likelihood_ratio(distribution, outputs, batch)
        return -(batch.weights * ratio * batch.advantages).sum(dim=1)

    return loss


def clipped_surrogate(distribution: Distribution, clip: float) -> OutputLoss:
    """The surrogate with its gain from likelihood ratios outside [1 - clip, 1 + clip] cut off.

    Schulman et al. 2017, *Proximal Policy Optimization*, equation 7.
    """

    def loss(outputs: Tensor, batch: Batch) -> Tensor:
        ratio = _likelihood_ratio(distribution, outputs, batch)
        clipped = ratio.clamp(1 - clip, 1 + clip)
        gain = (ratio * batch.advantages).minimum(clipped * batch.advantages)
        return -(batch.weights * gain).sum(dim=1)

    return loss


def _likelihood_ratio(distribution: Distribution, outputs: Tensor, batch: Batch) -> Tensor:
    """pi(a|s) / pi_sampled(a|s), shape (task, sample)."""
    log_prob = distribution.log_prob(outputs, batch.actions)
    return (log_prob - distribution.log_prob(batch.outputs, batch.actions)).exp()


def kl_divergence(distribution: Distribution) -> OutputLoss:
    """Mean KL(pi_sampled || pi) over each task's states, in nats."""

    def loss(outputs: Tensor, batch: Batch) -> Tensor:
        return (batch.weights * distribution.kl(batch.outputs, outputs)).sum(dim=1)

    return loss


@dataclass(frozen=True)
class NegativeLogLikelihood:
    """Mean of -log p(target) over each task's examples, with its derivatives in the outputs.

    Attributes:
        distribution: Of the targets.
    """

    distribution: CanonicalFamily

    def __call__(self, outputs: Tensor, batch: LabelledBatch) -> Tensor:
        """The losses, shape (task,)."""
        return -(batch.weights * self.distribution.log_prob(outputs, batch.targets)).sum(dim=1)

    def gradient(self, outputs: Tensor, batch: LabelledBatch) -> Tensor:
        """The gradient in the outputs, shape (task, sample, K)."""
        return -batch.weights[..., None] * self.distribution.score(outputs, batch.targets)

    def hessian_product(self, outputs: Tensor, batch: LabelledBatch, tangents: Tensor) -> Tensor:
        """Multiplies by the Hessian in the outputs, shape (task, sample, K)."""
        return batch.weights[..., None] * self.distribution.fisher_product(outputs, tangents)


def negative_log_likelihood(distribution: Distribution) -> OutputLoss:
    """Mean of -log p(target) over each task's examples: squared error, or cross-entropy."""
    assert isinstance(distribution, CanonicalFamily)
    return NegativeLogLikelihood(distribution)


INNER_LOSSES: dict[str, Callable[[Distribution], OutputLoss]] = {
    "reinforce": reinforce,
    "likelihood_ratio": surrogate,
}
