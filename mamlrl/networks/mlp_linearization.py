"""First and second derivatives of batched MLPs, by hand: forward, reverse, Pearlmutter's R-operator.

An outer step takes dozens of products with Jacobians and Hessians at the same point, so activations are
computed once and kept. With J the Jacobian of the network's outputs y in its parameters, and a scalar loss
with gradient g and Hessian G in the outputs, the Hessian of the loss in the parameters is applied as
(Pearlmutter 1994, *Fast Exact Multiplication by the Hessian*)

    H v = R{J^T g} = J^T (G J v) + R{J}^T g.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from mamlrl.networks.mlp_layout import MlpLayout
from mamlrl.networks.network import Linearization
from mamlrl.networks.products import add_product, affine, outer

MAX_INPUTS_TO_MIX = 8
MIN_SAMPLES_TO_MIX = 16  # per input; with fewer, it is quicker to sum over samples again


class MlpLinearization(Linearization):
    """An MLP at fixed parameters and observations of each task, with its activations kept.

    Args:
        layout: Layout of the network's parameters.
        params: Parameters of each task, shape (task, P).
        observations: Shape (task, sample, D).

    Attributes:
        layout: Layout of the network's parameters.
        weights: Weights of each layer, shape (task, inputs, outputs).
        hidden: Inputs of each layer, the observations first, shape (task, sample, inputs).
        slopes: Derivative of the activation after each layer but the last.
        outputs: Outputs of the network, shape (task, sample, K).
    """

    def __init__(self, layout: MlpLayout, params: Tensor, observations: Tensor) -> None:
        self.layout = layout
        layers, log_std = layout.split(params)
        self.weights = [weight for weight, _ in layers]
        self.hidden = [observations]  # input of each layer
        for weight, bias in layers[:-1]:
            self.hidden.append(layout.activate(affine(bias, self.hidden[-1], weight)))
        head = affine(layers[-1][1], self.hidden[-1], layers[-1][0])
        floored = layout.floor(log_std)
        self.outputs = layout.join(head, floored)
        self._log_std_slope = None
        if log_std is not None and floored is not None:
            self._log_std_slope = log_std.eq(floored).to(head.dtype)
        # derivative of the activation, which relu and tanh have as a function of their own value
        is_relu = layout.activation == "relu"
        self.slopes = [(h > 0).to(h.dtype) if is_relu else 1 - h.square() for h in self.hidden[1:]]

    def jvp(self, vectors: Tensor) -> Tensor:
        """J v: parameter tangents, shape (task, P), to output tangents, shape (task, sample, K)."""
        return self.forward(vectors)[0]

    def vjp(self, cotangents: Tensor) -> Tensor:
        """J^T u: output cotangents, shape (task, sample, K), to parameter cotangents, shape (task, P)."""
        deltas = self.backward(cotangents)
        pairs = [(outer(h, d), d.sum(dim=1)) for h, d in zip(self.hidden, deltas, strict=True)]
        return self.flatten(pairs, cotangents)

    def hessian(self, gradient: Tensor, output_hvp: Callable[[Tensor], Tensor]) -> LossHessian:
        """See `Linearization.hessian`."""
        return LossHessian(self, gradient, output_hvp)

    def backward(self, cotangents: Tensor) -> list[Tensor]:
        """Cotangents of every layer before its activation, from those of the outputs."""
        deltas = [cotangents[..., : self.weights[-1].shape[-1]]]
        for layer in range(len(self.weights) - 1, 0, -1):
            back = torch.bmm(deltas[0], self.weights[layer].mT)
            deltas.insert(0, back.mul_(self.slopes[layer - 1]))
        return deltas

    def forward(self, vectors: Tensor) -> tuple[Tensor, list[Tensor]]:
        """Tangents of the outputs, and of the inputs of all layers but the first."""
        layers, log_std = self.layout.split(vectors)
        hidden_tangents: list[Tensor] = []
        for index, (weight, bias) in enumerate(layers):
            tangent = affine(bias, self.hidden[index], weight)
            if index > 0:
                add_product(tangent, hidden_tangents[-1], self.weights[index])
            if index < len(layers) - 1:
                hidden_tangents.append(tangent.mul_(self.slopes[index]))
        if log_std is not None and self._log_std_slope is not None:
            log_std = log_std * self._log_std_slope
        return self.layout.join(tangent, log_std), hidden_tangents

    def flatten(self, pairs: list[tuple[Tensor, Tensor]], cotangents: Tensor) -> Tensor:
        """Parameter vectors from weights and biases, and from the cotangents of the outputs for the log std."""
        pieces = [piece.flatten(1) for pair in pairs for piece in pair]
        if self._log_std_slope is not None:
            free = cotangents[..., self.weights[-1].shape[-1] :].sum(dim=1)
            pieces.append(free * self._log_std_slope.flatten(1))
        return torch.cat(pieces, dim=1)


class LossHessian:
    """v -> H v, H the Hessian in the parameters of a loss of an MLP's outputs.

    Where the observations are few numbers, and the samples many, the mixed derivatives of the first two layers,
    which do not depend on v, are summed over samples beforehand: that saves two of the six large matrix products.

    Args:
        network: The MLP at the parameters.
        gradient: Gradient of the loss in the outputs, shape (task, sample, K).
        output_hvp: Multiplies output tangents by the Hessian of the loss in the outputs.
    """

    def __init__(
        self, network: MlpLinearization, gradient: Tensor, output_hvp: Callable[[Tensor], Tensor]
    ) -> None:
        self._network = network
        self._deltas = network.backward(gradient)
        self._output_hvp = output_hvp
        self._bends = self._bend() if network.layout.activation == "tanh" else []
        samples, inputs = network.hidden[0].shape[1:]
        worthwhile = inputs <= MAX_INPUTS_TO_MIX and samples >= MIN_SAMPLES_TO_MIX * (inputs + 1)
        self._mixed = self._mix() if worthwhile and len(network.weights) > 1 else None

    def __call__(self, vectors: Tensor) -> Tensor:
        """Multiplies parameter vectors, shape (task, P)."""
        network = self._network
        tangents, hidden_tangents = network.forward(vectors)
        layers, _ = network.layout.split(vectors)
        cotangents = self._output_hvp(tangents)
        dot = cotangents[..., : network.weights[-1].shape[-1]]  # R{delta}
        pairs: list[tuple[Tensor, Tensor]] = []
        for layer in range(len(layers) - 1, 0, -1):
            delta, hidden_tangent = self._deltas[layer], hidden_tangents[layer - 1]
            weight_product = outer(network.hidden[layer], dot)
            pairs.insert(0, (weight_product, dot.sum(dim=1)))
            dot = torch.bmm(dot, network.weights[layer].mT)
            if layer > 1 or self._mixed is None:
                weight_product.add_(outer(hidden_tangent, delta))
                dot.baddbmm_(delta, layers[layer][0].mT)
            dot.mul_(network.slopes[layer - 1])
            if self._bends:
                dot.addcmul_(self._bends[layer - 1], hidden_tangent)
        pairs.insert(0, (outer(network.hidden[0], dot), dot.sum(dim=1)))
        if self._mixed is not None:
            self._add_mixed(layers, pairs)
        return network.flatten(pairs, cotangents)

    def _bend(self) -> list[Tensor]:
        """Second derivatives in the input of each tanh over its slope: that of tanh is -2 tanh times it."""
        layers = zip(self._deltas[1:], self._network.weights[1:], self._network.hidden[1:], strict=True)
        return [torch.bmm(delta, weight.mT).mul_(hidden).mul_(-2) for delta, weight, hidden in layers]

    def _mix(self) -> Tensor:
        """Second derivatives in (first layer's row k or bias, unit j) and (second layer's weight j, l)."""
        observations = self._network.hidden[0]
        inputs = torch.cat([observations, torch.ones_like(observations[..., :1])], dim=-1)
        paths = (inputs[..., :, None] * self._network.slopes[0][..., None, :]).flatten(2)
        mixed = torch.bmm(paths.mT, self._deltas[1])
        return mixed.unflatten(1, (inputs.shape[-1], -1))

    def _add_mixed(self, layers: list[tuple[Tensor, Tensor]], pairs: list[tuple[Tensor, Tensor]]) -> None:
        assert self._mixed is not None
        first, second = torch.cat(layers[0], dim=1), layers[1][0]
        first_product = (self._mixed * second[:, None]).sum(dim=3)
        pairs[0][0].add_(first_product[:, :-1])
        pairs[0][1].add_(first_product[:, -1])
        pairs[1][0].add_((self._mixed * first[..., None]).sum(dim=1))
