"""Multilayer perceptrons as functions of a parameter vector, for one set of parameters or one for each task."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import log

import torch
from torch import Tensor
from torch.nn.functional import pad

from mamlrl.networks.mlp_layout import MlpLayout
from mamlrl.networks.mlp_linearization import MlpLinearization
from mamlrl.networks.network import Network


@dataclass(frozen=True)
class MlpPolicy(MlpLayout, Network):
    """A multilayer perceptron that acts and can be differentiated; see `MlpLayout` for its parameters."""

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

    def bind(self, params: Tensor) -> Callable[[Tensor], Tensor]:
        """See `Policy.bind`."""
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


def _as_sigmoid_network(layers: list[tuple[Tensor, Tensor]]) -> list[tuple[Tensor, Tensor]]:
    """Weights and biases of the network with sigmoids that equals one with tanh, which take several times as long.

    tanh(x) = 2 sigmoid(2 x) - 1: what a layer gives to its activation is doubled, and what it takes from the one
    before is doubled and lowered by 1.
    """
    first, *others = layers
    layers = [first, *((2 * weight, bias - weight.sum(dim=-2, keepdim=True)) for weight, bias in others)]
    *hidden, head = layers
    return [*((2 * weight, 2 * bias) for weight, bias in hidden), head]
