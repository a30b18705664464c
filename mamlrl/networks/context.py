"""A policy with a context: free parameters appended to every observation, for an inner loop to adapt.

Finn et al. 2017, section 6.1, and Zintgraf et al. 2019, *Fast Context Adaptation via Meta-Learning*. To the
network, a constant input is a part of its first bias: with z the context and W_z its rows of the first
weight, b' = b + z W_z. So the policy without context does the work, and this map is differentiated by hand.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import torch
from torch import Tensor

from mamlrl.networks.mlp import MlpPolicy
from mamlrl.networks.network import Linearization, Network


class ContextPolicy(Network):
    """An MLP policy whose observations are followed by a context.

    Args:
        policy: The policy without context.
        context_size: Length C of the context; its parameters come last.
    """

    def __init__(self, policy: MlpPolicy, context_size: int) -> None:
        self.distribution = policy.distribution
        self.without = policy
        self.context_size = context_size
        self._units = policy.shapes["layer0.bias"][1]
        self._wide = replace(policy, observation_size=policy.observation_size + context_size)

    @property
    def shapes(self) -> dict[str, tuple[int, ...]]:
        """See `Policy.shapes`."""
        return {**self._wide.shapes, "context": (1, self.context_size)}

    def init(self, generator: torch.Generator, dtype: torch.dtype = torch.float32) -> Tensor:
        """Draws parameters as for any observation of this length; the context is 0."""
        params = self._wide.init(generator, dtype)
        return torch.cat([params, params.new_zeros(self.context_size)])

    def bind(self, params: Tensor) -> Callable[[Tensor], Tensor]:
        """See `Policy.bind`."""
        return self.without.bind(self.absorb(params))

    def linearize(self, params: Tensor, observations: Tensor) -> Linearization:
        """See `Network.linearize`."""
        return _ContextLinearization(self, params, observations)

    def split(self, params: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
        """Splits parameters, shape (..., P).

        Returns:
            Flat: the observation's rows of the first weight; W_z, shape (..., C, units); b, (..., 1, units);
            flat: the rest; the context z, shape (..., 1, C).
        """
        rows = self.without.observation_size * self._units
        extra = self.context_size * self._units
        rest = params.shape[-1] - rows - extra - self._units - self.context_size
        sizes = [rows, extra, self._units, rest, self.context_size]
        weight, context_weight, bias, others, context = params.split(sizes, dim=-1)
        shaped = context_weight.unflatten(-1, (self.context_size, self._units))
        return weight, shaped, bias[..., None, :], others, context[..., None, :]

    def absorb(self, params: Tensor) -> Tensor:
        """Returns the parameters of the policy without context that gives the same outputs."""
        weight, context_weight, bias, others, context = self.split(params)
        return torch.cat([weight, (bias + context @ context_weight)[..., 0, :], others], dim=-1)


class _ContextLinearization(Linearization):
    """The policy without context, with the map to its parameters before it."""

    def __init__(self, policy: ContextPolicy, params: Tensor, observations: Tensor) -> None:
        self._policy = policy
        self._network = policy.without.linearize(policy.absorb(params), observations)
        _, self._context_weight, _, _, self._context = policy.split(params)
        self.outputs = self._network.outputs

    def jvp(self, vectors: Tensor) -> Tensor:
        return self._network.jvp(self._push(vectors))

    def vjp(self, cotangents: Tensor) -> Tensor:
        weight, bias, others = self._split(self._network.vjp(cotangents))
        return _join(weight, self._context.mT @ bias, bias, others, bias @ self._context_weight.mT)

    def hessian(self, gradient: Tensor, output_hvp: Callable[[Tensor], Tensor]) -> Callable[[Tensor], Tensor]:
        product = self._network.hessian(gradient, output_hvp)
        bias_gradient = self._split(self._network.vjp(gradient))[1]

        def multiply(vectors: Tensor) -> Tensor:
            _, context_weight, _, _, context = self._policy.split(vectors)
            weight, bias, others = self._split(product(self._push(vectors)))
            through_weight = self._context.mT @ bias + context.mT @ bias_gradient
            through_context = bias @ self._context_weight.mT + bias_gradient @ context_weight.mT
            return _join(weight, through_weight, bias, others, through_context)

        return multiply

    def _push(self, vectors: Tensor) -> Tensor:
        """Tangents of the parameters without context."""
        weight, context_weight, bias, others, context = self._policy.split(vectors)
        bias = bias + context @ self._context_weight + self._context @ context_weight
        return _join(weight, bias, others)

    def _split(self, cotangents: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Cotangents of the first weight (flat), the first bias, shape (task, 1, units), and the rest (flat)."""
        rows, units = self._policy.without.shapes["layer0.weight"]
        sizes = [rows * units, units, cotangents.shape[1] - rows * units - units]
        weight, bias, others = cotangents.split(sizes, dim=1)
        return weight, bias[:, None], others


def _join(*pieces: Tensor) -> Tensor:
    return torch.cat([piece.flatten(1) for piece in pieces], dim=1)
