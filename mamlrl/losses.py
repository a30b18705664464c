"""Losses of reinforcement learning, one value a task: inner REINFORCE, outer surrogate, KL divergence."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from torch import Tensor

from mamlrl.advantages import Batch
from mamlrl.distributions import Distribution
from mamlrl.policies import MlpPolicy

OutputLoss = Callable[[Tensor, Batch], Tensor]  # (outputs, batch) -> one value a task


@dataclass(frozen=True)
class TaskLosses:
    """A loss of every task on data of every task, as a function of parameters of each task.

    Attributes:
        policy: Maps parameters and observations to outputs.
        output_loss: Maps outputs, shape (task, sample, K), and the batch to losses, shape (task,).
        batch: The data.
    """

    policy: MlpPolicy
    output_loss: OutputLoss
    batch: Batch

    def __call__(self, params: Tensor) -> Tensor:
        """Evaluates the losses at parameters of each task, shape (task, P); returns shape (task,)."""
        return self.output_loss(self.policy(params, self.batch.observations), self.batch)

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
    """TRPO's surrogate: mean of -pi(a|s) / pi_sampled(a|s) A (Schulman et al. 2015, equation 14)."""

    def loss(outputs: Tensor, batch: Batch) -> Tensor:
        log_prob = distribution.log_prob(outputs, batch.actions)
        ratio = (log_prob - distribution.log_prob(batch.outputs, batch.actions)).exp()
        return -(batch.weights * ratio * batch.advantages).sum(dim=1)

    return loss


def kl_divergence(distribution: Distribution) -> OutputLoss:
    """Mean KL(pi_sampled || pi) over each task's states, in nats."""

    def loss(outputs: Tensor, batch: Batch) -> Tensor:
        return (batch.weights * distribution.kl(batch.outputs, outputs)).sum(dim=1)

    return loss
