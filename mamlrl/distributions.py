"""Action distributions as functions of a policy's outputs.

A distribution's parameters are one tensor, the network's `outputs`, so that rollouts store it,
batches index it, and the Fisher matrix is a linear map on it.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.distributions import Categorical as TorchCategorical
from torch.distributions import Distribution as TorchDistribution
from torch.distributions import Independent, Normal, kl_divergence


class Distribution(ABC):
    """A family of action distributions; `outputs` has shape (..., output_size)."""

    @property
    @abstractmethod
    def head_size(self) -> int:
        """How many of the outputs a network computes from the observation; the rest are free parameters."""

    @property
    @abstractmethod
    def output_size(self) -> int:
        """Length of the outputs."""

    @abstractmethod
    def sample(self, outputs: Tensor, generator: torch.Generator) -> Tensor:
        """Draws one action for each leading index."""

    @abstractmethod
    def fisher_product(self, outputs: Tensor, tangents: Tensor) -> Tensor:
        """Multiplies by the Fisher information matrix of the distribution in its outputs.

        Args:
            outputs: Where, shape (..., output_size).
            tangents: What, same shape.

        Returns:
            F tangents with F = E[d log p (d log p)^T], same shape.
        """

    @abstractmethod
    def _library(self, outputs: Tensor) -> TorchDistribution:
        """Returns the `torch.distributions` object with these parameters."""

    def log_prob(self, outputs: Tensor, actions: Tensor) -> Tensor:
        """Log-probability (density) of whole actions, summed over action dimensions, shape (...)."""
        return self._library(outputs).log_prob(actions)

    def entropy(self, outputs: Tensor) -> Tensor:
        """Entropy in nats, shape (...)."""
        return self._library(outputs).entropy()

    def kl(self, outputs: Tensor, other: Tensor) -> Tensor:
        """KL(outputs || other) in nats, shape (...)."""
        return kl_divergence(self._library(outputs), self._library(other))


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

    def sample(self, outputs: Tensor, generator: torch.Generator) -> Tensor:
        """Draws mean + std * noise, shape (..., A)."""
        mean, log_std = outputs.chunk(2, dim=-1)
        noise = torch.randn(mean.shape, generator=generator, dtype=mean.dtype, device=mean.device)
        return mean + log_std.exp() * noise

    def fisher_product(self, outputs: Tensor, tangents: Tensor) -> Tensor:
        """Multiplies by diag(1 / std^2, 2)."""
        _, log_std = outputs.chunk(2, dim=-1)
        mean_tangents, log_std_tangents = tangents.chunk(2, dim=-1)
        return torch.cat([mean_tangents * torch.exp(-2 * log_std), 2 * log_std_tangents], dim=-1)

    def _library(self, outputs: Tensor) -> TorchDistribution:
        mean, log_std = outputs.chunk(2, dim=-1)
        normal = Normal(mean, log_std.exp(), validate_args=False)
        return Independent(normal, 1, validate_args=False)


@dataclass(frozen=True)
class Categorical(Distribution):
    """One of several discrete actions; outputs are unnormalised log-probabilities.

    Attributes:
        num_actions: Number of actions; actions have shape (...) and integer type.
    """

    num_actions: int

    @property
    def head_size(self) -> int:
        """One logit an action."""
        return self.num_actions

    @property
    def output_size(self) -> int:
        """One logit an action."""
        return self.num_actions

    def sample(self, outputs: Tensor, generator: torch.Generator) -> Tensor:
        """Draws action indices, shape (...)."""
        probabilities = outputs.softmax(dim=-1)
        flat = torch.multinomial(probabilities.flatten(0, -2), 1, generator=generator)
        return flat.view(outputs.shape[:-1])

    def fisher_product(self, outputs: Tensor, tangents: Tensor) -> Tensor:
        """Multiplies by diag(p) - p p^T."""
        probabilities = outputs.softmax(dim=-1)
        weighted = probabilities * tangents
        return weighted - probabilities * weighted.sum(dim=-1, keepdim=True)

    def _library(self, outputs: Tensor) -> TorchDistribution:
        return TorchCategorical(logits=outputs, validate_args=False)
