"""Losses of reinforcement learning, one value a task: inner REINFORCE, outer surrogate, KL divergence."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from torch import Tensor

from mamlrl.advantages import Batch
from mamlrl.policies import MlpPolicy


@dataclass(frozen=True)
class TaskLosses:
    """A loss of every task on data of every task.

    Attributes:
        function: Maps parameters of each task, shape (task, P), and a batch to losses, shape (task,).
        batch: The data, with a leading task axis.
    """

    function: Callable[[Tensor, Batch], Tensor]
    batch: Batch

    def __call__(self, params: Tensor) -> Tensor:
        """Evaluates the losses at parameters of each task, shape (task, P); returns shape (task,)."""
        return self.function(params, self.batch)

    def tasks(self, block: slice) -> TaskLosses:
        """Returns the losses of some of the tasks."""
        return replace(self, batch=self.batch.tasks(block))

    def subsample(self, fraction: float) -> TaskLosses:
        """Returns the losses on a fraction of the samples."""
        return replace(self, batch=self.batch.subsample(fraction))


def reinforce(policy: MlpPolicy, params: Tensor, batch: Batch) -> Tensor:
    """REINFORCE: mean of -log pi(a|s) A over each task's samples (Finn et al. 2017, equation 4), shape (task,)."""
    outputs = policy(params, batch.observations)
    log_prob = policy.distribution.log_prob(outputs, batch.actions)
    return -(batch.weights * log_prob * batch.advantages).sum(dim=1)


def surrogate(policy: MlpPolicy, params: Tensor, batch: Batch) -> Tensor:
    """TRPO's surrogate: mean of -pi(a|s) / pi_sampled(a|s) A (Schulman et al. 2015, equation 14), shape (task,)."""
    outputs = policy(params, batch.observations)
    log_prob = policy.distribution.log_prob(outputs, batch.actions)
    ratio = (log_prob - policy.distribution.log_prob(batch.outputs, batch.actions)).exp()
    return -(batch.weights * ratio * batch.advantages).sum(dim=1)


def kl_divergence(policy: MlpPolicy, params: Tensor, batch: Batch) -> Tensor:
    """Mean KL(pi_sampled || pi) over each task's states, shape (task,)."""
    outputs = policy(params, batch.observations)
    return (batch.weights * policy.distribution.kl(batch.outputs, outputs)).sum(dim=1)
