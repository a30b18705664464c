"""First and second derivatives of any differentiable network, by autograd through graphs that are kept.

A network with a structure worth exploiting has a linearization of its own; this one serves all others.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

import torch
from torch import Tensor

from mamlrl.networks.network import Linearization, Network


class AutogradLinearization(Linearization):
    """A network at fixed parameters of each task; the graph of its evaluation lives as long as this object.

    A product with J costs two reverse passes (Townsend 2017, *A new trick for calculating Jacobian vector
    products*): J^T u is linear in u, so that the derivative of <J^T u, v> in u is J v.

    Args:
        function: Maps parameters of each task, shape (task, P), to outputs, shape (task, sample, K); the
            outputs of a task must depend on its own parameters alone.
        params: Parameters to linearise at, shape (task, P).

    Attributes:
        outputs: See `Linearization`; a leaf to autograd.
    """

    def __init__(self, function: Callable[[Tensor], Tensor], params: Tensor) -> None:
        self._params = params.detach().requires_grad_()
        self._outputs = function(self._params)
        self.outputs = self._outputs.detach()
        self._transpose: _Transpose | None = None

    def jvp(self, vectors: Tensor) -> Tensor:
        """See `Linearization.jvp`."""
        if self._transpose is None:
            self._transpose = self._transpose_at(torch.zeros_like(self.outputs))
        return self._transpose.derivatives(vectors)[1]

    def vjp(self, cotangents: Tensor) -> Tensor:
        """See `Linearization.vjp`."""
        return torch.autograd.grad(self._outputs, self._params, cotangents, retain_graph=True)[0]

    def hessian(self, gradient: Tensor, output_hvp: Callable[[Tensor], Tensor]) -> Callable[[Tensor], Tensor]:
        """See `Linearization.hessian`: H v = J^T (G J v) + the derivative of J^T g along v."""
        transpose = self._transpose_at(gradient)

        def multiply(vectors: Tensor) -> Tensor:
            curvature, tangents = transpose.derivatives(vectors)
            return self.vjp(output_hvp(tangents)) + curvature

        return multiply

    def _transpose_at(self, cotangents: Tensor) -> _Transpose:
        return _Transpose(self._outputs, self._params, cotangents)


class _Transpose:
    """J^T u as a differentiable function of the parameters and of u, at one point of both."""

    def __init__(self, outputs: Tensor, params: Tensor, cotangents: Tensor) -> None:
        self._point = params, cotangents.detach().requires_grad_()
        (self._product,) = torch.autograd.grad(outputs, params, self._point[1], create_graph=True)

    def derivatives(self, vectors: Tensor) -> tuple[Tensor, Tensor]:
        """Derivatives of <J^T u, v> in the parameters, shape (task, P), and in u: J v, (task, sample, K)."""
        curvature, tangents = torch.autograd.grad(
            self._product, self._point, vectors, retain_graph=True, materialize_grads=True
        )
        return curvature, tangents


class AutogradNetwork(Network):
    """A network that leaves its derivatives to autograd."""

    compiles: ClassVar[bool] = False  # autograd is not compiled

    def linearize(self, params: Tensor, observations: Tensor) -> AutogradLinearization:
        """See `Network.linearize`."""
        return AutogradLinearization(lambda point: self(point, observations), params)
