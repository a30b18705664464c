"""First and second derivatives of batched MLP policies, by hand: forward, reverse, Pearlmutter's R-operator.

An outer step takes dozens of products with Jacobians and Hessians at the same point, so activations are
computed once and kept. With J the Jacobian of the network's outputs y in its parameters, and a scalar loss
with gradient g and Hessian G in the outputs, the Hessian of the loss in the parameters is applied as
(Pearlmutter 1994, *Fast Exact Multiplication by the Hessian*)

    H v = R{J^T g} = J^T (G J v) + R{J}^T g.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import torch
from torch import Tensor

if TYPE_CHECKING:
    from mamlrl.policies import MlpPolicy


class MlpLinearization:
    """A policy at fixed parameters and observations of each task, with its activations kept.

    Args:
        policy: The policy.
        params: Parameters of each task, shape (task, P).
        observations: Shape (task, sample, D).

    Attributes:
        outputs: Of the policy, shape (task, sample, K).
    """

    def __init__(self, policy: MlpPolicy, params: Tensor, observations: Tensor) -> None:
        self._policy = policy
        layers, log_std = policy.split(params)
        self._weights = [weight for weight, _ in layers]
        self._hidden = [observations]  # input of each layer
        for weight, bias in layers[:-1]:
            self._hidden.append(policy.activate(torch.baddbmm(bias, self._hidden[-1], weight)))
        head = torch.baddbmm(layers[-1][1], self._hidden[-1], layers[-1][0])
        floored = policy.floor(log_std)
        self.outputs = policy.join(head, floored)
        self._log_std_slope = None
        if log_std is not None and floored is not None:
            self._log_std_slope = log_std.eq(floored).to(head.dtype)
        # derivative of the activation, which relu and tanh have as a function of their own value
        is_relu = policy.activation == "relu"
        self._slopes = [(h > 0).to(h.dtype) if is_relu else 1 - h.square() for h in self._hidden[1:]]

    def jvp(self, vectors: Tensor) -> Tensor:
        """J v: parameter tangents, shape (task, P), to output tangents, shape (task, sample, K)."""
        return self._forward(vectors)[0]

    def vjp(self, cotangents: Tensor) -> Tensor:
        """J^T u: output cotangents, shape (task, sample, K), to parameter cotangents, shape (task, P)."""
        deltas = self.backward(cotangents)
        pairs = [(h.mT @ d, d.sum(dim=1)) for h, d in zip(self._hidden, deltas, strict=True)]
        return self._flatten(pairs, cotangents)

    def backward(self, cotangents: Tensor) -> list[Tensor]:
        """Cotangents of every layer before its activation, from those of the outputs."""
        deltas = [cotangents[..., : self._weights[-1].shape[-1]]]
        for layer in range(len(self._weights) - 1, 0, -1):
            back = torch.bmm(deltas[0], self._weights[layer].mT)
            deltas.insert(0, back.mul_(self._slopes[layer - 1]))
        return deltas

    def hvp(self, vectors: Tensor, deltas: list[Tensor], output_hvp: Callable[[Tensor], Tensor]) -> Tensor:
        """H v of a loss.

        Args:
            vectors: v, shape (task, P).
            deltas: `backward` of the loss's gradient in the outputs.
            output_hvp: Multiplies output tangents by the loss's Hessian in the outputs.

        Returns:
            H v, shape (task, P).
        """
        tangents, hidden_tangents = self._forward(vectors)
        cotangents = output_hvp(tangents)
        layers, _ = self._policy.split(vectors)
        dot = cotangents[..., : self._weights[-1].shape[-1]]  # R{delta}
        pairs: list[tuple[Tensor, Tensor]] = []
        for layer in range(len(self._weights) - 1, -1, -1):
            weight_product = torch.bmm(self._hidden[layer].mT, dot)
            pairs.insert(0, (weight_product, dot.sum(dim=1)))
            if layer == 0:
                break
            delta, hidden_tangent = deltas[layer], hidden_tangents[layer - 1]
            weight_product.baddbmm_(hidden_tangent.mT, delta)
            dot = torch.bmm(dot, self._weights[layer].mT).baddbmm_(delta, layers[layer][0].mT)
            dot.mul_(self._slopes[layer - 1])
            if self._policy.activation == "tanh":  # its second derivative is -2 tanh times the first
                back = torch.bmm(delta, self._weights[layer].mT)
                dot.addcmul_(back.mul_(self._hidden[layer]), hidden_tangent, value=-2)
        return self._flatten(pairs, cotangents)

    def _forward(self, vectors: Tensor) -> tuple[Tensor, list[Tensor]]:
        """Tangents of the outputs, and of the inputs of all layers but the first."""
        layers, log_std = self._policy.split(vectors)
        hidden_tangents: list[Tensor] = []
        for index, (weight, bias) in enumerate(layers):
            tangent = torch.baddbmm(bias, self._hidden[index], weight)
            if index > 0:
                tangent.baddbmm_(hidden_tangents[-1], self._weights[index])
            if index < len(layers) - 1:
                hidden_tangents.append(tangent.mul_(self._slopes[index]))
        if log_std is not None and self._log_std_slope is not None:
            log_std = log_std * self._log_std_slope
        return self._policy.join(tangent, log_std), hidden_tangents

    def _flatten(self, pairs: list[tuple[Tensor, Tensor]], cotangents: Tensor) -> Tensor:
        """Parameter vectors from weights and biases, and from the cotangents of the outputs for the log std."""
        pieces = [piece.flatten(1) for pair in pairs for piece in pair]
        if self._log_std_slope is not None:
            free = cotangents[..., self._weights[-1].shape[-1] :].sum(dim=1)
            pieces.append(free * self._log_std_slope.flatten(1))
        return torch.cat(pieces, dim=1)
