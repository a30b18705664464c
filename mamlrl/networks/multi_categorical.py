"""Actions that are several choices at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from mamlrl.networks.categorical import Categorical
from mamlrl.networks.distribution import CanonicalDistribution


@dataclass(frozen=True)
class MultiCategorical(CanonicalDistribution):
    """Independent choices; outputs are the unnormalised log-probabilities of the first, then of the next.

    Attributes:
        sizes: Number of values of each choice; actions have shape (..., len(sizes)) and integer type.
    """

    sizes: tuple[int, ...]

    @property
    def output_size(self) -> int:
        """One logit for each value of each choice."""
        return sum(self.sizes)

    def noise(self, shape: Sequence[int], generator: torch.Generator, dtype: torch.dtype) -> Tensor:
        """Draws numbers from the standard Gumbel distribution, shape (*shape, output_size)."""
        return Categorical(self.output_size).noise(shape, generator, dtype)

    def sample(self, outputs: Tensor, noise: Tensor) -> Tensor:
        """Returns the values chosen, shape (..., len(sizes)), see `Categorical.sample`."""
        choices = zip(self._parts, self._split(outputs), self._split(noise), strict=True)
        return torch.stack([part.sample(logits, own) for part, logits, own in choices], dim=-1)

    def fisher_product(self, outputs: Tensor, tangents: Tensor) -> Tensor:
        """Multiplies by a matrix of blocks, diag(p) - p p^T of each choice."""
        choices = zip(self._parts, self._split(outputs), self._split(tangents), strict=True)
        return torch.cat([part.fisher_product(logits, own) for part, logits, own in choices], dim=-1)

    def score(self, outputs: Tensor, actions: Tensor) -> Tensor:
        """1 for the values chosen, 0 for the rest, minus the probabilities."""
        choices = zip(self._parts, self._split(outputs), actions.unbind(dim=-1), strict=True)
        return torch.cat([part.score(logits, chosen) for part, logits, chosen in choices], dim=-1)

    def log_prob(self, outputs: Tensor, actions: Tensor) -> Tensor:
        """Sums the log-probabilities of the values chosen."""
        choices = zip(self._parts, self._split(outputs), actions.unbind(dim=-1), strict=True)
        return torch.stack([part.log_prob(logits, chosen) for part, logits, chosen in choices]).sum(dim=0)

    def entropy(self, outputs: Tensor) -> Tensor:
        """Sums the entropies of the choices."""
        choices = zip(self._parts, self._split(outputs), strict=True)
        return torch.stack([part.entropy(logits) for part, logits in choices]).sum(dim=0)

    def kl(self, outputs: Tensor, other: Tensor) -> Tensor:
        """Sums the divergences of the choices."""
        choices = zip(self._parts, self._split(outputs), self._split(other), strict=True)
        return torch.stack([part.kl(logits, others) for part, logits, others in choices]).sum(dim=0)

    @property
    def _parts(self) -> list[Categorical]:
        return [Categorical(size) for size in self.sizes]

    def _split(self, x: Tensor) -> tuple[Tensor, ...]:
        """Splits numbers of all values, shape (..., output_size), into those of each choice."""
        return x.split(self.sizes, dim=-1)
