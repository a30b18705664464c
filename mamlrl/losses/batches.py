"""Data of every task, packed along one sample axis: what losses are computed on."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import Self

import torch
from torch import Tensor


@dataclass(frozen=True)
class Samples:
    """Inputs of every task and how much each counts.

    Attributes:
        observations: Inputs of the network, shape (task, sample, ...).
        weights: Weight of each sample in its task's average: they sum to 1 over the samples of a task and
            are 0 for padding, shape (task, sample).
    """

    observations: Tensor
    weights: Tensor

    def __len__(self) -> int:
        """Number of tasks."""
        return len(self.weights)

    @property
    def num_samples(self) -> int:
        """Length of the sample axis."""
        return self.weights.shape[1]

    def tasks(self, block: slice) -> Self:
        """Returns the samples of some of the tasks."""
        return type(self)(**{f.name: getattr(self, f.name)[block] for f in fields(self)})

    def samples(self, block: slice) -> Self:
        """Returns some of the samples of every task; their weights stay."""
        return type(self)(**{f.name: getattr(self, f.name)[:, block] for f in fields(self)})

    def to(self, device: torch.device) -> Self:
        """Returns the samples on a device: themselves if they are there."""
        if self.weights.device == device:
            return self
        return type(self)(**{f.name: getattr(self, f.name).to(device) for f in fields(self)})

    def subsample(self, fraction: float) -> Self:
        """Returns evenly spaced samples, a fraction of all, with weights scaled to sum to 1 again."""
        if fraction == 1:
            return self
        positions = torch.arange(max(1, round(fraction * self.num_samples)), device=self.weights.device)
        chosen = (positions / fraction).long().clamp(max=self.num_samples - 1)
        part = type(self)(**{f.name: getattr(self, f.name)[:, chosen] for f in fields(self)})
        return replace(part, weights=part.weights / part.weights.sum(dim=1, keepdim=True))


@dataclass(frozen=True)
class Batch(Samples):
    """The steps of each task's episodes, episode and time merged into the sample axis.

    Attributes:
        actions: Shape (task, sample, ...).
        advantages: Shape (task, sample).
        outputs: Parameters of the distribution each action was drawn from, shape (task, sample, K).
    """

    actions: Tensor
    advantages: Tensor
    outputs: Tensor


@dataclass(frozen=True)
class LabelledBatch(Samples):
    """Examples of supervised tasks.

    Attributes:
        targets: What the network should give: numbers, shape (task, sample, K), or classes, (task, sample).
    """

    targets: Tensor
