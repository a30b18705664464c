"""Networks as functions of a flat parameter vector, and the derivatives that meta-learning takes of them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from math import prod
from typing import ClassVar

import torch
from torch import Tensor

from mamlrl.networks.distribution import Distribution


class Policy(ABC):
    """A function of parameters and inputs whose outputs parametrise a distribution: what it takes to act.

    Parameters are one flat vector. With a leading task axis every task has parameters of its own, and all
    tasks are evaluated at once.

    Attributes:
        distribution: Distribution that the outputs parametrise.
    """

    distribution: Distribution

    @property
    @abstractmethod
    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Name (`layer.tensor`) and shape of every parameter tensor, in the order of the flat vector."""

    @abstractmethod
    def init(self, generator: torch.Generator, dtype: torch.dtype = torch.float32) -> Tensor:
        """Draws initial parameters, shape (P,), on the generator's device."""

    @abstractmethod
    def bind(self, params: Tensor) -> Callable[[Tensor], Tensor]:
        """Returns the policy at fixed parameters, for many evaluations.

        Args:
            params: Shape (P,), or (task, P) for parameters of each task.

        Returns:
            A function from observations, shape (..., D), to outputs, shape (..., distribution.output_size). With
            parameters of each task, the first axis is the task axis.
        """

    def __call__(self, params: Tensor, observations: Tensor) -> Tensor:
        """Evaluates the policy; see `bind` for the shapes."""
        return self.bind(params)(observations)

    @property
    def num_parameters(self) -> int:
        """Length P of the parameter vector."""
        return sum(map(prod, self.shapes.values()))

    def unflatten(self, params: Tensor) -> dict[str, Tensor]:
        """Returns named views of a parameter vector, shape (..., P), with its leading axes kept."""
        shapes = self.shapes
        pieces = params.split([prod(shape) for shape in shapes.values()], dim=-1)
        axes = params.shape[:-1]
        named = zip(shapes.items(), pieces, strict=True)
        return {name: piece.view(*axes, *shape) for (name, shape), piece in named}


class Linearization(ABC):
    """A network at fixed parameters and inputs of each task: products with its first and second derivatives.

    J is the Jacobian of a task's outputs in its parameters.

    Attributes:
        outputs: Outputs of the network, shape (task, sample, K).
    """

    outputs: Tensor

    @abstractmethod
    def jvp(self, vectors: Tensor) -> Tensor:
        """J v: parameter tangents, shape (task, P), to output tangents, shape (task, sample, K)."""

    @abstractmethod
    def vjp(self, cotangents: Tensor) -> Tensor:
        """J^T u: output cotangents, shape (task, sample, K), to parameter cotangents, shape (task, P)."""

    @abstractmethod
    def hessian(self, gradient: Tensor, output_hvp: Callable[[Tensor], Tensor]) -> Callable[[Tensor], Tensor]:
        """The product with the Hessian in the parameters of a loss of the outputs.

        Args:
            gradient: Gradient of the loss in the outputs, shape (task, sample, K).
            output_hvp: Multiplies output tangents by the Hessian of the loss in the outputs.

        Returns:
            v -> H v, both of shape (task, P).
        """


class Network(Policy):
    """A policy, or any other network, with the derivatives that learning takes.

    Several threads evaluate it at the same time, each for some of the tasks: its methods must not change it.

    Attributes:
        compiles: Whether PyTorch's compiler can handle its linearization.
    """

    compiles: ClassVar[bool] = True

    @abstractmethod
    def linearize(self, params: Tensor, observations: Tensor) -> Linearization:
        """Evaluates the network for products with its derivatives.

        Args:
            params: Shape (task, P).
            observations: Shape (task, sample, ...).
        """

    @property
    def sample_cost(self) -> float:
        """Memory of one sample's activations, relative to an MLP with two layers of 100 units."""
        return 1.0
