"""Policies as functions of a parameter vector, for one set of parameters or one for each task."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from math import log
from typing import Any, Literal

import gymnasium
import torch
from gymnasium.spaces import Box, Discrete
from torch import Tensor
from torch.nn.functional import pad

from mamlrl.errors import UserError
from mamlrl.experiments.experiment import PolicyConfig
from mamlrl.networks.context import ContextPolicy
from mamlrl.networks.distributions import Categorical, DiagonalGaussian, Distribution
from mamlrl.networks.mlp_linearization import MlpLinearization
from mamlrl.networks.network import Network


@dataclass(frozen=True)
class MlpPolicy(Network):
    """A multilayer perceptron from observations to the parameters of an action distribution.

    Parameters are one flat vector of length `num_parameters`: weights and biases layer by layer, then,
    for a Gaussian, the state-independent log standard deviation. With a leading task axis every task
    has parameters of its own, and all tasks are evaluated at once.

    Attributes:
        observation_size: Number of observation features D.
        distribution: Family of action distributions.
        hidden_sizes: Units of each hidden layer.
        activation: Nonlinearity between layers.
        initial_std: Initial standard deviation of a Gaussian.
        min_std: Floor under the standard deviation of a Gaussian.
    """

    observation_size: int
    distribution: Distribution
    hidden_sizes: tuple[int, ...] = (100, 100)
    activation: Literal["relu", "tanh"] = "relu"
    initial_std: float = 1.0
    min_std: float = 1e-6

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

    def init(self, generator: torch.Generator, dtype: torch.dtype = torch.float32) -> Tensor:
        """Draws initial parameters: Xavier-uniform weights (Glorot & Bengio 2010), zero biases.

        Args:
            generator: Source of randomness; its device is where the parameters live.
            dtype: Floating-point type.

        Returns:
            Parameter vector, shape (P,).
        """
        params = torch.zeros(self.num_parameters, dtype=dtype, device=generator.device)
        for name, tensor in self.unflatten(params).items():
            if name.endswith("weight"):
                torch.nn.init.xavier_uniform_(tensor, generator=generator)
            elif name == "log_std":
                tensor.fill_(log(self.initial_std))
        return params

    def __call__(self, params: Tensor, observations: Tensor) -> Tensor:
        """Evaluates the network.

        Args:
            params: Shape (P,), or (task, P) for parameters of each task.
            observations: Shape (..., D); with task parameters the first axis is the task axis.

        Returns:
            Outputs of the action distribution, shape (..., distribution.output_size).
        """
        return self.bind(params)(observations)

    def bind(self, params: Tensor) -> Callable[[Tensor], Tensor]:
        """See `Network.bind`."""
        layers, log_std = self.split(params)
        activate_ = torch.relu_
        if self.activation == "tanh":
            layers, activate_ = _as_sigmoid_network(layers), torch.sigmoid_
        *layers, (head_weight, head_bias) = layers
        if log_std is not None:  # outputs that no input reaches
            head_weight = pad(head_weight, (0, log_std.shape[-1]))
            head_bias = self.join(head_bias, self.floor(log_std))
        head_weight, head_bias = head_weight.mT, head_bias.mT
        affine = torch.addmm if params.dim() == 1 else torch.baddbmm

        def evaluate(observations: Tensor) -> Tensor:
            hidden = observations.reshape(*params.shape[:-1], -1, self.observation_size)
            for weight, bias in layers:
                hidden = activate_(affine(bias, hidden, weight))
            outputs = affine(head_bias, head_weight, hidden.mT).mT  # transposed: faster, since it has few columns
            return outputs.reshape(*observations.shape[:-1], self.distribution.output_size)

        return evaluate

    def linearize(self, params: Tensor, observations: Tensor) -> MlpLinearization:
        """Evaluates the network for products with its derivatives.

        Args:
            params: Shape (task, P).
            observations: Shape (task, sample, D).
        """
        return MlpLinearization(self, params, observations)

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


def _as_sigmoid_network(layers: list[tuple[Tensor, Tensor]]) -> list[tuple[Tensor, Tensor]]:
    """Weights and biases of the network with sigmoids that equals one with tanh, which take several times as long.

    tanh(x) = 2 sigmoid(2 x) - 1: what a layer gives to its activation is doubled, and what it takes from the one
    before is doubled and lowered by 1.
    """
    first, *others = layers
    layers = [first, *((2 * weight, bias - weight.sum(dim=-2, keepdim=True)) for weight, bias in others)]
    *hidden, head = layers
    return [*((2 * weight, 2 * bias) for weight, bias in hidden), head]


def make_policy(
    observation_space: gymnasium.Space[Any], action_space: gymnasium.Space[Any], config: PolicyConfig
) -> Network:
    """Builds the policy that fits an environment's spaces.

    Args:
        observation_space: Of one sub-environment; a Box with one axis.
        action_space: Of one sub-environment; a Box with one axis (Gaussian) or Discrete (categorical).
        config: Size and initialisation.

    Raises:
        UserError: If the policy cannot serve the spaces.
    """
    if (
        not isinstance(observation_space, Box)
        or len(observation_space.shape) != 1
        or not observation_space.shape[0]
    ):
        raise UserError(
            f"the MLP policy needs observations that are vectors (a Box with one axis), not {observation_space}; "
            "give the environment an observation space that is flat (gymnasium.spaces.flatten_space)"
        )
    distribution: Distribution
    if isinstance(action_space, Box) and len(action_space.shape) == 1:
        distribution = DiagonalGaussian(action_space.shape[0])
    elif isinstance(action_space, Discrete) and action_space.start == 0:
        distribution = Categorical(int(action_space.n))
    else:
        raise UserError(
            f"the policy needs a Box action space with one axis or Discrete from 0, not {action_space}"
        )
    return make_mlp(observation_space.shape[0], distribution, config)


def make_mlp(observation_size: int, distribution: Distribution, config: PolicyConfig) -> Network:
    """Builds the MLP that a config asks for, with its context, if any.

    Args:
        observation_size: Number of observation features.
        distribution: What its outputs parametrise.
        config: Size and initialisation.
    """
    policy = MlpPolicy(
        observation_size,
        distribution,
        tuple(config.hidden_sizes),
        config.activation,
        config.initial_std,
        config.min_std,
    )
    return ContextPolicy(policy, config.context_size) if config.context_size else policy
