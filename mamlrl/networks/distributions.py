"""Action distributions as functions of a policy's outputs.

A distribution's parameters are one tensor, the network's `outputs`, so that rollouts store it,
batches index it, and the Fisher matrix is a linear map on it. The formulas are closed forms of few
operations, since autograd differentiates them twice.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from math import e, log, pi

import torch
from torch import Tensor


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
    def noise(self, shape: Sequence[int], generator: torch.Generator, dtype: torch.dtype) -> Tensor:
        """Draws the randomness of actions, whatever the outputs.

        Args:
            shape: Leading axes of the outputs.
            generator: Source of randomness; its device is where the noise lives.
            dtype: Type of the outputs.

        Returns:
            Shape (*shape, ...).
        """

    @abstractmethod
    def sample(self, outputs: Tensor, noise: Tensor) -> Tensor:
        """Turns noise into one action for each leading index."""

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
    def log_prob(self, outputs: Tensor, actions: Tensor) -> Tensor:
        """Log-probability (density) of whole actions, summed over action dimensions, shape (...)."""

    @abstractmethod
    def entropy(self, outputs: Tensor) -> Tensor:
        """Entropy in nats, shape (...)."""

    @abstractmethod
    def kl(self, outputs: Tensor, other: Tensor) -> Tensor:
        """KL(outputs || other) in nats, shape (...)."""


class CanonicalFamily(Distribution):
    """A family whose outputs are natural parameters, up to a fixed linear map.

    The Hessian of -log p in the outputs is then the Fisher matrix, whatever was observed.
    """

    @abstractmethod
    def score(self, outputs: Tensor, actions: Tensor) -> Tensor:
        """Gradient of the log-probability in the outputs, shape (..., output_size)."""


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
class IsotropicGaussian(CanonicalFamily):
    """Independent normal numbers of known variance; outputs are their means.

    Minus the log-probability is, with the variance 1/2, the squared error up to a constant.

    Attributes:
        size: How many numbers A; they have shape (..., A).
        variance: Of each.
    """

    size: int
    variance: float = 0.5

    @property
    def head_size(self) -> int:
        """The means: A."""
        return self.size

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
        """The distance from the means by the variance."""
        return (actions - outputs) / self.variance

    def log_prob(self, outputs: Tensor, actions: Tensor) -> Tensor:
        """Minus the squared distance by twice the variance, and the constant that makes it a density."""
        distance = (actions - outputs).square().sum(dim=-1)
        return -distance / (2 * self.variance) - 0.5 * self.size * log(2 * pi * self.variance)

    def entropy(self, outputs: Tensor) -> Tensor:
        """A log(2 pi e variance) / 2, whatever the means."""
        return outputs.new_full(outputs.shape[:-1], 0.5 * self.size * log(2 * pi * e * self.variance))

    def kl(self, outputs: Tensor, other: Tensor) -> Tensor:
        """The squared distance of the means by twice the variance."""
        return (outputs - other).square().sum(dim=-1) / (2 * self.variance)


@dataclass(frozen=True)
class Categorical(CanonicalFamily):
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


def _standard_normal(shape: Sequence[int], generator: torch.Generator, dtype: torch.dtype) -> Tensor:
    return torch.randn(shape, generator=generator, dtype=dtype, device=generator.device)
