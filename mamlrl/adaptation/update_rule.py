"""One update of the parameters of every task: the contract of an inner loop's rule."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from mamlrl.losses.task_losses import TaskLosses
from mamlrl.metric_names import Metrics


@dataclass(frozen=True)
class Update:
    """What one update of every task's parameters did.

    Attributes:
        losses: The losses it descended.
        rule_params: Parameters of the rule, shape (R,).
        scale: Factor on the rule's step size.
        path: Parameters at which gradients were taken, those before the update first, each of shape (task, P).
        gradients: Gradient of the losses at each of them, shape (task, P).
        params: Parameters after the update, shape (task, P).
    """

    losses: TaskLosses
    rule_params: Tensor
    scale: float
    path: tuple[Tensor, ...]
    gradients: tuple[Tensor, ...]
    params: Tensor


class UpdateJacobian(ABC):
    """Derivatives of one update of every task in the parameters before it and in those of the rule."""

    @abstractmethod
    def pushforward(self, tangents: Tensor, rule_tangents: Tensor) -> Tensor:
        """Tangents before the update, shape (task, P), and of the rule, (R,), to those after, (task, P)."""

    @abstractmethod
    def pullback(self, cotangents: Tensor) -> tuple[Tensor, Tensor]:
        """The transpose: shape (task, P) to (task, P), and to (R,), summed over tasks."""

    def metrics(self) -> Metrics:
        """Returns metrics of the products taken so far: by default, none."""
        return {}


class UpdateRule(ABC):
    """One update of the parameters of every task.

    Attributes:
        exact: Whether `linearize` gives the true derivative of `update`.
        implicit: Whether products with its Jacobian are by conjugate gradient, with the effort of
            `adaptation.proximal`.
        compiles: Whether PyTorch's compiler can handle it: it may not decide by its data what to do.
        num_parameters: Number R of meta-parameters of its own.
        parameter_name: What one of them is, for messages.
        fixed_step_size: Whether it has a step size that is not learned.
        revisits: Whether it takes the losses at other parameters than those before the update.
    """

    exact: ClassVar[bool]
    implicit: ClassVar[bool] = False
    compiles: ClassVar[bool] = False
    num_parameters: int = 0
    parameter_name: ClassVar[str] = "a parameter of the inner loop's rule"
    fixed_step_size: bool = False
    revisits: bool = True

    def check_scales(self, scales: Sequence[float]) -> None:  # noqa: B027 (most rules take any)
        """Raises a UserError for factors on the step size that the rule cannot take: by default, for none."""

    def init(self) -> Tensor:
        """Returns the rule's own meta-parameters at the start, shape (R,)."""
        return torch.zeros(0)

    @abstractmethod
    def update(self, rule_params: Tensor, params: Tensor, losses: TaskLosses, scale: float) -> Update:
        """Updates the parameters of each task, shape (task, P).

        Args:
            rule_params: Shape (R,).
            params: Shape (task, P).
            losses: What to descend.
            scale: Factor on the step size.
        """

    @abstractmethod
    def linearize(self, update: Update, fraction: float) -> UpdateJacobian:
        """Returns the derivatives of an update, computed on a fraction of its samples."""

    def metrics(self, update: Update) -> Metrics:
        """Returns metrics of an update: by default, none."""
        del update
        return {}
