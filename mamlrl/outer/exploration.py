"""E-MAML's term of the outer objective: episodes before adaptation are credited with the rewards after it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import Tensor

from mamlrl.distributed.exchange import all_sum
from mamlrl.losses.batches import Batch
from mamlrl.losses.policy_losses import Reinforce
from mamlrl.losses.task_losses import TaskLosses
from mamlrl.networks.network import Network
from mamlrl.sampling.rollouts import Rollouts


def adjusted_rewards(rollouts: Rollouts) -> Tensor:
    """Returns the mean reward of each task, as a standard score among all rewards of the meta-batch.

    Args:
        rollouts: Episodes of the adapted policies.

    Returns:
        Shape (task,): (mean reward of the task - mean of all) / standard deviation of all.
    """
    rewards, mask = rollouts.rewards, rollouts.mask
    count, total = all_sum(torch.stack([mask.sum(), (rewards * mask).sum()]))
    mean = total / count
    variance = all_sum(((rewards - mean).square() * mask).sum()) / count
    means = (rewards * mask).sum(dim=(1, 2)) / mask.sum(dim=(1, 2))
    return (means - mean) / (variance.sqrt() + 1e-8)


def exploration_losses(
    network: Network, before: Sequence[Batch], after: Rollouts, weight: float = 1.0
) -> list[TaskLosses]:
    """Returns the losses that E-MAML adds to the surrogate after adaptation (Stadie et al. 2018).

    MAML's gradient takes the episodes before adaptation as given. What a policy explores in them decides what
    adaptation can learn, so that E-MAML makes actions likelier whose tasks were rewarded after adaptation:

        - weight * adjusted reward of the task * mean of log pi(a|s) over its episodes before adaptation.

    This is the form in Rothfuss et al.'s code (2018), there for one inner step; of several, each has such a term.

    Args:
        network: The policy.
        before: Episodes before each inner step.
        after: Episodes of the adapted policies.
        weight: Weight of the losses.

    Returns:
        The losses of the policies before each inner step.
    """
    credit, loss = weight * adjusted_rewards(after)[:, None], Reinforce(network.distribution)
    credited = [
        replace(batch, advantages=credit.to(batch.advantages).expand_as(batch.advantages)) for batch in before
    ]
    return [TaskLosses(network, loss, batch) for batch in credited]
