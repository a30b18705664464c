"""From rollouts to the batches that losses are computed on: returns, advantages, packing."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace

import torch
from torch import Tensor

from mamlrl.baselines import baseline_features, explained_variance, fit_values
from mamlrl.config import AdvantageConfig
from mamlrl.rollouts import Rollouts


@dataclass(frozen=True)
class Batch:
    """The steps of each task with episode and time merged into one sample axis.

    Attributes:
        observations: Shape (task, sample, D).
        actions: Shape (task, sample, ...).
        advantages: Shape (task, sample).
        outputs: Parameters of the distribution each action was drawn from, shape (task, sample, K).
        weights: Weight of each sample in its task's average: they sum to 1 over the samples of a task and
            are 0 for padding, shape (task, sample).
    """

    observations: Tensor
    actions: Tensor
    advantages: Tensor
    outputs: Tensor
    weights: Tensor

    def __len__(self) -> int:
        """Number of tasks."""
        return len(self.weights)

    @property
    def num_samples(self) -> int:
        """Length of the sample axis."""
        return self.weights.shape[1]

    def tasks(self, block: slice) -> Batch:
        """Returns the batch of some of the tasks."""
        return Batch(**{f.name: getattr(self, f.name)[block] for f in fields(self)})

    def subsample(self, fraction: float) -> Batch:
        """Returns evenly spaced samples, a fraction of all, with weights scaled to sum to 1 again."""
        if fraction == 1:
            return self
        positions = torch.arange(max(1, round(fraction * self.num_samples)), device=self.weights.device)
        chosen = (positions / fraction).long().clamp(max=self.num_samples - 1)
        part = Batch(**{f.name: getattr(self, f.name)[:, chosen] for f in fields(self)})
        return replace(part, weights=part.weights / part.weights.sum(dim=1, keepdim=True))


@dataclass(frozen=True)
class ProcessedRollouts:
    """What the learner takes from rollouts.

    Attributes:
        batch: For the losses.
        explained_variance: Of the baseline, for each task, shape (task,).
    """

    batch: Batch
    explained_variance: Tensor


def discounted_sum(x: Tensor, discount: float) -> Tensor:
    """Sums the future: y_t = sum over s >= t of discount^(s - t) x_s.

    Args:
        x: Shape (..., time).
        discount: In [0, 1].

    Returns:
        y, same shape.
    """
    time = torch.arange(x.shape[-1], device=x.device)
    lag = time[:, None] - time[None, :]
    matrix = torch.where(lag >= 0, torch.as_tensor(discount, dtype=x.dtype) ** lag.clamp(min=0), 0.0)
    return x @ matrix.to(x.dtype)


def gae(rewards: Tensor, values: Tensor, mask: Tensor, discount: float, gae_lambda: float) -> Tensor:
    """Generalised advantage estimation (Schulman et al. 2016, equation 16), with terminal value 0.

    Args:
        rewards: Shape (task, episode, time).
        values: Predicted returns, same shape.
        mask: 1 while the episode was running, else 0, same shape.
        discount: In [0, 1].
        gae_lambda: In [0, 1]; 1 gives returns minus values.

    Returns:
        Advantages, 0 where masked, same shape.
    """
    masked_values = values * mask
    next_values = torch.cat([masked_values[..., 1:], torch.zeros_like(values[..., :1])], dim=-1)
    deltas = rewards * mask + discount * next_values - masked_values
    return discounted_sum(deltas, discount * gae_lambda) * mask


def standardize(advantages: Tensor, mask: Tensor) -> Tensor:
    """Shifts and scales the advantages of each task to mean 0 and standard deviation 1 over its steps."""
    count = mask.sum(dim=(1, 2), keepdim=True)
    centred = (advantages - (advantages * mask).sum(dim=(1, 2), keepdim=True) / count) * mask
    std = (centred.square().sum(dim=(1, 2), keepdim=True) / count).sqrt()
    return centred / (std + 1e-8)


def process(rollouts: Rollouts, config: AdvantageConfig) -> ProcessedRollouts:
    """Fits the baseline to the rollouts of each task and computes advantages, once and for all."""
    mask = rollouts.mask
    returns = discounted_sum(rollouts.rewards * mask, config.discount)
    values = fit_values(baseline_features(rollouts.observations), returns, mask, config.ridge)
    advantages = gae(rollouts.rewards, values, mask, config.discount, config.gae_lambda)
    if config.standardize:
        advantages = standardize(advantages, mask)
    return ProcessedRollouts(_pack(rollouts, advantages), explained_variance(values, returns, mask))


def _pack(rollouts: Rollouts, advantages: Tensor) -> Batch:
    """Merges episode and time and drops the steps after the end of episodes, as far as tasks allow."""
    mask = rollouts.mask.flatten(1, 2)
    counts = mask.sum(dim=1, keepdim=True)
    order = mask.argsort(dim=1, descending=True, stable=True)[:, : int(counts.max())]
    tasks = torch.arange(len(mask), device=mask.device)[:, None]
    dtype = rollouts.observations.dtype

    def pack(x: Tensor) -> Tensor:
        return x.flatten(1, 2)[tasks, order]

    return Batch(
        observations=pack(rollouts.observations),
        actions=pack(rollouts.actions),
        advantages=pack(advantages).to(dtype),
        outputs=pack(rollouts.outputs),
        weights=pack(rollouts.mask / counts[..., None]).to(dtype),
    )
