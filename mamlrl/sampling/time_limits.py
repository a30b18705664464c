"""Episodes that a time limit cut off: the value of what would have followed, in place of 0."""

from __future__ import annotations

import torch
from torch import Tensor

from mamlrl.errors import UserError
from mamlrl.sampling.discounting import discounted_sum
from mamlrl.sampling.rollouts import Rollouts
from mamlrl.sampling.value_baseline import ValueBaseline

SETTING = "advantages.bootstrap_at_time_limits"


def bootstrapped_rewards(rollouts: Rollouts, baseline: ValueBaseline, discount: float) -> Tensor:
    """Adds to the last reward of each episode that was cut off the discounted value of the observation after it.

    So does Pardo et al. 2018, *Time Limits in Reinforcement Learning*, section 4 (partial-episode bootstrapping).
    Values are kept within what the rewards of the task's episodes allow, for ever discounted.

    Args:
        rollouts: The episodes; the observation after the last step of each, and whether it was terminated, known.
        baseline: Predicts the value.
        discount: Discount of future rewards, below 1.

    Returns:
        Shape (task, episode, time).

    Raises:
        UserError: If the discount is 1, the ends of the episodes are not known, or the baseline cannot predict it.
    """
    if discount == 1:
        raise UserError(f"{SETTING}: needs advantages.discount below 1: values for ever would be infinite")
    if rollouts.last_observations is None or rollouts.terminated is None:
        raise UserError(f"{SETTING}: needs the observation after the last step of each episode that was cut off")
    mask = rollouts.mask
    rewards = rollouts.rewards * mask
    last = mask - torch.cat([mask[..., 1:], torch.zeros_like(mask[..., :1])], dim=-1)
    truncated = (~rollouts.terminated).to(mask.dtype)[..., None] * mask
    remaining = mask.flip(-1).cumsum(dim=-1).flip(-1)  # steps to the end, this one included
    weights = truncated * torch.as_tensor(discount, dtype=mask.dtype) ** remaining
    returns = discounted_sum(rewards, discount)
    values = baseline.final_values(rollouts.observations, returns, mask, rollouts.last_observations, weights)
    lowest, highest = rewards.amin(dim=(1, 2)).clamp(max=0), rewards.amax(dim=(1, 2)).clamp(min=0)
    bounded = values.clamp(lowest[:, None] / (1 - discount), highest[:, None] / (1 - discount))
    return rewards + last * truncated * discount * bounded[..., None]
