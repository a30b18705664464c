"""Normal distributions: of continuous actions, and of targets in regression."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import e, log, pi

import torch
from torch import Tensor

from mamlrl.networks.distribution import CanonicalDistribution, Distribution


@dataclass(frozen=True)
class DiagonalGaussian(Distribution):
    """Independent normal action dimensions; outputs are means, then log standard deviations.

    Attributes:
        action_size: Number of action dimensions A; actions have shape (..., A).
    """

    action_size: int

    @property
    def head_size(self) -> int:
        """The means: A."""
        return self.action_size

    @property
    def output_size(self) -> int:
        """Means and log standard deviations: 2 A."""
        return 2 * self.action_size

    def noise(self, shape: Sequence[int], generator: torch.Generator, dtype: torch.dtype) -> Tensor:
        """Draws standard normal numbers, shape (*shape, A)."""
        return _standard_normal((*shape, self.action_size), generator, dtype)

    def sample(self, outputs: Tensor, noise: Tensor) -> Tensor:
        """Returns mean + std * noise, shape (..., A)."""
        mean, log_std = outputs.chunk(2, dim=-1)
        return torch.addcmul(mean, log_std.exp(), noise)

    def fisher_product(self, outputs: Tensor, tangents: Tensor) -> Tensor:
        """Multiplies by diag(1 / std^2, 2)."""
        _, log_std = outputs.chunk(2, dim=-1)
        mean_tangents, log_std_tangents = tangents.chunk(2, dim=-1)
        return torch.cat([mean_tangents * torch.exp(-2 * log_std), 2 * log_std_tangents], dim=-1)

    def log_prob(self, outputs: Tensor, actions: Tensor) -> Tensor:
        """Sums the log densities of the action dimensions."""
        mean, log_std = outputs.chunk(2, dim=-1)
        standardized = (actions - mean) * torch.exp(-log_std)
        return -(0.5 * standardized.square() + log_std).sum(dim=-1) - 0.5 * self.action_size * log(2 * pi)

    def entropy(self, outputs: Tensor) -> Tensor:
        """Sums log std + log(2 pi e) / 2 over the action dimensions."""
        _, log_std = outputs.chunk(2, dim=-1)
        return log_std.sum(dim=-1) + 0.5 * self.action_size * log(2 * pi * e)

    def kl(self, outputs: Tensor, other: Tensor) -> Tensor:
        """Sums the divergences of the action dimensions."""
        mean, log_std = outputs.chunk(2, dim=-1)
        other_mean, other_log_std = other.chunk(2, dim=-1)
        log_ratio = log_std - other_log_std
        shift = (mean - other_mean) * torch.exp(-other_log_std)
        return (0.5 * (torch.exp(2 * log_ratio) + shift.square() - 1) - log_ratio).sum(dim=-1)


@dataclass(frozen=True)
class IsotropicGaussian(CanonicalDistribution):
    """Independent normal numbers of known variance; outputs are their means.

    Minus the log-probability is, with the variance 1/2, the squared error up to a constant.

    Attributes:
        size: Length A of the numbers, which have shape (..., A).
        variance: Variance of each number.
    """

    size: int
    variance: float = 0.5

    @property
    def output_size(self) -> int:
        """The means: A."""
        return self.size

    def noise(self, shape: Sequence[int], generator: torch.Generator, dtype: torch.dtype) -> Tensor:
        """Draws standard normal numbers, shape (*shape, A)."""
        return _standard_normal((*shape, self.size), generator, dtype)

    def sample(self, outputs: Tensor, noise: Tensor) -> Tensor:
        """Returns mean + std * noise, shape (..., A)."""
        return outputs + self.variance**0.5 * noise

    def fisher_product(self, outputs: Tensor, tangents: Tensor) -> Tensor:
        """Divides by the variance."""
        del outputs
        return tangents / self.variance

    def score(self, outputs: Tensor, actions: Tensor) -> Tensor:
        """The distance from the means, divided by the variance."""
        return (actions - outputs) / self.variance

    def log_prob(self, outputs: Tensor, actions: Tensor) -> Tensor:
        """Minus the squared distance divided by twice the variance, plus the normalising constant."""
        distance = (actions - outputs).square().sum(dim=-1)
        return -distance / (2 * self.variance) - 0.5 * self.size * log(2 * pi * self.variance)

    def entropy(self, outputs: Tensor) -> Tensor:
        """A log(2 pi e variance) / 2, whatever the means."""
        return outputs.new_full(outputs.shape[:-1], 0.5 * self.size * log(2 * pi * e * self.variance))

    def kl(self, outputs: Tensor, other: Tensor) -> Tensor:
        """The squared distance of the means, divided by twice the variance."""
        return (outputs - other).square().sum(dim=-1) / (2 * self.variance)


def _standard_normal(shape: Sequence[int], generator: torch.Generator, dtype: torch.dtype) -> Tensor:
    return torch.randn(shape, generator=generator, dtype=dtype, device=generator.device)
