"""The inner loop: estimators map meta-parameters to adapted ones, phi_i = U_i(theta), and linearise that map.

The outer step knows nothing else: with J_i the Jacobian of U_i, the meta-gradient is the mean of
J_i^T grad L_i(phi_i), and the trust region's curvature the mean of J_i^T F_i J_i.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor

from mamlrl.config import AdaptationConfig
from mamlrl.linalg import HessianProduct, task_gradients
from mamlrl.losses import TaskLosses

LossSource = Callable[[int, Tensor], TaskLosses]  # (step, parameters of each task) -> losses to descend


@dataclass(frozen=True)
class Adaptation:
    """What an inner loop did.

    Attributes:
        trajectory: Parameters before each step and after the last, each of shape (task, P).
        gradients: Gradient of each step, each of shape (task, P).
        losses: The losses of each step.
    """

    trajectory: tuple[Tensor, ...]
    gradients: tuple[Tensor, ...]
    losses: tuple[TaskLosses, ...]

    @property
    def params(self) -> Tensor:
        """Adapted parameters, shape (task, P)."""
        return self.trajectory[-1]

    def replay(self, step: int, params: Tensor) -> TaskLosses:
        """A loss source that repeats the data of this adaptation, to adapt other meta-parameters on it."""
        del params
        return self.losses[step]


class Jacobian(ABC):
    """J_i = dphi_i / dtheta for every task."""

    @abstractmethod
    def pushforward(self, vector: Tensor) -> Tensor:
        """J_i v: shape (P,) to (task, P)."""

    @abstractmethod
    def pullback(self, vectors: Tensor) -> Tensor:
        """The sum over tasks of J_i^T u_i: shape (task, P) to (P,)."""


@dataclass(frozen=True)
class Estimator(ABC):
    """A rule for the inner loop by gradient descent, and for differentiating through it.

    Attributes:
        step_sizes: Step size of each inner step.
    """

    step_sizes: tuple[float, ...]
    exact: ClassVar[bool]  # whether `linearize` gives the true Jacobian of `adapt`

    def adapt(self, params: Tensor, num_tasks: int, source: LossSource) -> Adaptation:
        """Adapts to every task: phi <- phi - step_size grad L(phi), from phi = theta.

        Args:
            params: Meta-parameters theta, shape (P,).
            num_tasks: Number of tasks.
            source: Gives the losses of a step, from its index and the parameters before it.

        Returns:
            The adaptation; its parameters are not connected to `params` by an autograd graph.
        """
        trajectory, gradients, losses = [params.expand(num_tasks, -1)], [], []
        for step, step_size in enumerate(self.step_sizes):
            losses.append(source(step, trajectory[-1]))
            gradients.append(task_gradients(losses[-1], trajectory[-1]))
            trajectory.append(trajectory[-1] - step_size * gradients[-1])
        return Adaptation(tuple(trajectory), tuple(gradients), tuple(losses))

    @abstractmethod
    def linearize(self, adaptation: Adaptation, fraction: float = 1.0) -> Jacobian:
        """Returns the Jacobian of an adaptation, computed on a fraction of its samples."""


class Maml(Estimator):
    """Model-agnostic meta-learning (Finn et al. 2017): J = (I - a_K H_K) ... (I - a_1 H_1).

    H_k is the Hessian of the k-th inner loss at the parameters before the k-th step. Every factor is
    symmetric, so the transpose is the product in reverse order.
    """

    exact = True

    def linearize(self, adaptation: Adaptation, fraction: float = 1.0) -> Jacobian:
        """Builds the graphs of all inner gradients."""
        hessians = [
            HessianProduct(losses.subsample(fraction), params)
            for losses, params in zip(adaptation.losses, adaptation.trajectory[:-1], strict=True)
        ]
        return _UnrolledJacobian(self.step_sizes, hessians, len(adaptation.params))


class FirstOrderMaml(Estimator):
    """First-order MAML (Finn et al. 2017, section 5.2): the same adaptation, J = I."""

    exact = False

    def linearize(self, adaptation: Adaptation, fraction: float = 1.0) -> Jacobian:
        """Returns the identity, whatever the adaptation."""
        del fraction
        return _UnrolledJacobian((), [], len(adaptation.params))


class _UnrolledJacobian(Jacobian):
    def __init__(self, step_sizes: tuple[float, ...], hessians: list[HessianProduct], num_tasks: int) -> None:
        self._factors = list(zip(step_sizes, hessians, strict=True))
        self._num_tasks = num_tasks

    def pushforward(self, vector: Tensor) -> Tensor:
        vectors = vector.expand(self._num_tasks, -1)
        for step_size, hessian in self._factors:
            vectors = vectors - step_size * hessian(vectors)
        return vectors

    def pullback(self, vectors: Tensor) -> Tensor:
        for step_size, hessian in reversed(self._factors):
            vectors = vectors - step_size * hessian(vectors)
        return vectors.sum(dim=0)


ESTIMATORS: dict[str, type[Estimator]] = {"maml": Maml, "first_order": FirstOrderMaml}


def make_estimator(config: AdaptationConfig) -> Estimator:
    """Builds the estimator that a config names."""
    return ESTIMATORS[config.estimator]((config.step_size,) * config.steps)
