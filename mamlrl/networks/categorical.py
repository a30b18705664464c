"""Discrete actions, and classes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from mamlrl.networks.distribution import CanonicalDistribution


@dataclass(frozen=True)
class Categorical(CanonicalDistribution):
    """One of several discrete actions; outputs are unnormalised log-probabilities.

    Attributes:
        num_actions: Number of actions; actions have shape (...) and integer type.
    """

    num_actions: int

    @property
    def output_size(self) -> int:
        """One logit per action."""
        return self.num_actions

    def noise(self, shape: Sequence[int], generator: torch.Generator, dtype: torch.dtype) -> Tensor:
        """Draws numbers from the standard Gumbel distribution, shape (*shape, num_actions)."""
        exponential = torch.empty((*shape, self.num_actions), dtype=dtype, device=generator.device)
        return -exponential.exponential_(generator=generator).log()

    def sample(self, outputs: Tensor, noise: Tensor) -> Tensor:
        """Returns action indices, shape (...): where outputs + noise are largest (the Gumbel-max trick)."""
        return (outputs + noise).argmax(dim=-1)

    def fisher_product(self, outputs: Tensor, tangents: Tensor) -> Tensor:
        """Multiplies by diag(p) - p p^T."""
        probabilities = outputs.softmax(dim=-1)
        weighted = probabilities * tangents
        return weighted - probabilities * weighted.sum(dim=-1, keepdim=True)

    def score(self, outputs: Tensor, actions: Tensor) -> Tensor:
        """1 for what was observed, 0 for the rest, minus the probabilities."""
        observed = torch.nn.functional.one_hot(actions.long(), self.num_actions)
        return observed - outputs.softmax(dim=-1)

    def log_prob(self, outputs: Tensor, actions: Tensor) -> Tensor:
        """Picks the log-probabilities of the actions."""
        return outputs.log_softmax(dim=-1).gather(-1, actions.long()[..., None])[..., 0]

    def entropy(self, outputs: Tensor) -> Tensor:
        """Minus the mean log-probability."""
        return -(outputs.softmax(dim=-1) * outputs.log_softmax(dim=-1)).sum(dim=-1)

    def kl(self, outputs: Tensor, other: Tensor) -> Tensor:
        """The mean difference of log-probabilities."""
        difference = outputs.log_softmax(dim=-1) - other.log_softmax(dim=-1)
        return (outputs.softmax(dim=-1) * difference).sum(dim=-1)
