"""Actions that are several switches at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import logsigmoid

from mamlrl.networks.categorical import Categorical
from mamlrl.networks.distribution import CanonicalDistribution


@dataclass(frozen=True)
class Bernoulli(CanonicalDistribution):
    """Independent switches, each off (0) or on (1); outputs are the logits of being on.

    Attributes:
        size: Number of switches A; actions have shape (..., A) and integer type.
    """

    size: int

    @property
    def output_size(self) -> int:
        """One logit for each switch."""
        return self.size

    def noise(self, shape: Sequence[int], generator: torch.Generator, dtype: torch.dtype) -> Tensor:
        """Draws numbers from the standard logistic distribution, shape (*shape, A)."""
        gumbel = Categorical(2 * self.size).noise(shape, generator, dtype)
        return gumbel[..., : self.size] - gumbel[..., self.size :]

    def sample(self, outputs: Tensor, noise: Tensor) -> Tensor:
        """Returns 1 where outputs + noise are positive, else 0, shape (..., A)."""
        return (outputs + noise > 0).long()

    def fisher_product(self, outputs: Tensor, tangents: Tensor) -> Tensor:
        """Multiplies by diag(p (1 - p))."""
        return outputs.sigmoid() * (-outputs).sigmoid() * tangents

    def score(self, outputs: Tensor, actions: Tensor) -> Tensor:
        """The actions, minus the probabilities of being on."""
        return actions - outputs.sigmoid()

    def log_prob(self, outputs: Tensor, actions: Tensor) -> Tensor:
        """Sums the log-probabilities of the switches."""
        return logsigmoid((2 * actions - 1) * outputs).sum(dim=-1)

    def entropy(self, outputs: Tensor) -> Tensor:
        """Sums log(1 + e^l) - p l over the switches."""
        return -(logsigmoid(-outputs) + outputs.sigmoid() * outputs).sum(dim=-1)

    def kl(self, outputs: Tensor, other: Tensor) -> Tensor:
        """Sums p (l - m) - log(1 + e^l) + log(1 + e^m) over the switches, m the other logits."""
        normalisers = logsigmoid(-outputs) - logsigmoid(-other)
        return (outputs.sigmoid() * (outputs - other) + normalisers).sum(dim=-1)
