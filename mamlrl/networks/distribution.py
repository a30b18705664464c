"""Distributions of actions, or targets, as functions of a network's outputs.

A distribution's parameters are one tensor, the network's `outputs`, so that rollouts store it,
batches index it, and the Fisher matrix is a linear map on it. The formulas are closed forms of few
operations, since autograd differentiates them twice.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence

import torch
from torch import Tensor


class Distribution(ABC):
    """A distribution of actions, or targets; `outputs`, its parameters, have shape (..., output_size)."""

    @property
    def head_size(self) -> int:
        """How many of the outputs a network computes from the observation, all by default; others are free."""
        return self.output_size

    @property
    @abstractmethod
    def output_size(self) -> int:
        """Length of the outputs."""

    @abstractmethod
    def noise(self, shape: Sequence[int], generator: torch.Generator, dtype: torch.dtype) -> Tensor:
        """Draws the randomness of actions, whatever the outputs; zeros instead stand for the most likely action.

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
            outputs: Outputs to take the matrix at, shape (..., output_size).
            tangents: Vectors to multiply, same shape.

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


class CanonicalDistribution(Distribution):
    """A distribution whose outputs are natural parameters, up to a fixed linear map.

    The Hessian of -log p in the outputs is then the Fisher matrix, whatever was observed.
    """

    @abstractmethod
    def score(self, outputs: Tensor, actions: Tensor) -> Tensor:
        """Gradient of the log-probability in the outputs, shape (..., output_size)."""
