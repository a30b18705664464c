"""How the parameters of a multilayer perceptron lie in a vector, and what its layers compute."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from math import log
from typing import Literal, get_args

import torch
from torch import Tensor

from mamlrl.errors import UserError
from mamlrl.networks.distribution import Distribution
from mamlrl.networks.network import Policy

Activation = Literal["relu", "tanh"]


@dataclass(frozen=True)
class MlpLayout(Policy):
    """A multilayer perceptron from observations to the parameters of a distribution.

    Parameters are one flat vector of length `num_parameters`: weights and biases layer by layer, then,
    for a Gaussian of free variance, the state-independent log standard deviation. With a leading task axis every
    task has parameters of its own, and all tasks are evaluated at once.

    Attributes:
        observation_size: Number of observation features D.
        distribution: Distribution that the outputs parametrise.
        hidden_sizes: Units of each hidden layer.
        activation: Nonlinearity between layers.
        initial_std: Initial standard deviation of a Gaussian.
        min_std: Floor under the standard deviation of a Gaussian.
    """

    observation_size: int
    distribution: Distribution
    hidden_sizes: tuple[int, ...] = (100, 100)
    activation: Activation = "relu"
    initial_std: float = 1.0
    min_std: float = 1e-6

    def __post_init__(self) -> None:
        """Checks the nonlinearity, which is told from its name in several places.

        Raises:
            UserError: If there is none of that name.
        """
        if self.activation not in get_args(Activation):
            choices = ", ".join(get_args(Activation))
            raise UserError(f"activation must be one of {choices}, got {self.activation!r}")

    @cached_property
    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Name and shape of every parameter tensor, in the order of the flat vector."""
        head = self.distribution.head_size
        sizes = [self.observation_size, *self.hidden_sizes, head]
        shapes: dict[str, tuple[int, ...]] = {}
        for layer, (inputs, outputs) in enumerate(pairwise(sizes)):
            shapes[f"layer{layer}.weight"] = (inputs, outputs)
            shapes[f"layer{layer}.bias"] = (1, outputs)
        if self.distribution.output_size > head:
            shapes["log_std"] = (1, head)
        return shapes

    def split(self, params: Tensor) -> tuple[list[tuple[Tensor, Tensor]], Tensor | None]:
        """Splits a parameter vector, shape (..., P), into weights and biases of each layer, and the log std."""
        tensors = self.unflatten(params)
        depth = len(self.hidden_sizes) + 1
        layers = [(tensors[f"layer{layer}.weight"], tensors[f"layer{layer}.bias"]) for layer in range(depth)]
        return layers, tensors.get("log_std")

    def activate(self, x: Tensor) -> Tensor:
        """Applies the nonlinearity."""
        return torch.relu(x) if self.activation == "relu" else torch.tanh(x)

    def floor(self, log_std: Tensor | None) -> Tensor | None:
        """Raises the log standard deviation to its floor."""
        return None if log_std is None else log_std.clamp(min=log(self.min_std))

    def join(self, head: Tensor, log_std: Tensor | None) -> Tensor:
        """Outputs from the network's head, shape (..., sample, head_size), and the log std, if there is one."""
        if log_std is None:
            return head
        return torch.cat([head, log_std.expand_as(head)], dim=-1)
