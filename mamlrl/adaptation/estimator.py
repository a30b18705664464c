"""The inner loop: estimators map meta-parameters to adapted ones, phi_i = U_i(theta), and linearise that map.

The outer step knows nothing else: with J_i the Jacobian of U_i, the meta-gradient is the mean of
J_i^T grad L_i(phi_i), and the trust region's curvature the mean of J_i^T F_i J_i.

An estimator repeats one update rule, on fresh data each time. The meta-parameters theta are the network's
parameters, followed by those of the rule, such as learned step sizes.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from mamlrl.errors import UserError
from mamlrl.losses.policy_losses import TaskLosses

LossSource = Callable[[int, Tensor], TaskLosses]  # (step, parameters of each task) -> losses to descend


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

    def metrics(self) -> dict[str, float]:
        """Returns what is known about the products taken so far: here, nothing."""
        return {}


class UpdateRule(ABC):
    """One update of the parameters of every task.

    Attributes:
        exact: Whether `linearize` gives the true derivative of `update`.
        num_parameters: Number R of meta-parameters of its own.
    """

    exact: ClassVar[bool]
    num_parameters: int = 0

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

    def metrics(self, update: Update) -> dict[str, float]:
        """Returns what else there is to know of an update: here, nothing."""
        del update
        return {}


@dataclass(frozen=True)
class Adaptation:
    """What an inner loop did.

    Attributes:
        initial: Parameters before it, shape (task, P).
        updates: Its updates.
    """

    initial: Tensor
    updates: tuple[Update, ...]

    @property
    def params(self) -> Tensor:
        """Adapted parameters, shape (task, P)."""
        return self.updates[-1].params if self.updates else self.initial

    @property
    def trajectory(self) -> tuple[Tensor, ...]:
        """Parameters before the first update and after each, each of shape (task, P)."""
        return (self.initial, *(update.params for update in self.updates))

    def replay(self, step: int, params: Tensor) -> TaskLosses:
        """A loss source that repeats the data of this adaptation, to adapt other meta-parameters on it."""
        del params
        return self.updates[step].losses


class Jacobian:
    """J_i = dphi_i / dtheta for every task: the product of the updates' Jacobians.

    Args:
        updates: Jacobians of the updates, in order.
        estimator: Whose meta-parameters theta are.
        num_tasks: Number of tasks.
    """

    def __init__(self, updates: list[UpdateJacobian], estimator: Estimator, num_tasks: int) -> None:
        self._updates = updates
        self._estimator = estimator
        self._num_tasks = num_tasks

    def pushforward(self, vector: Tensor) -> Tensor:
        """J_i v: shape (P + R,) to (task, P)."""
        tangents, rule_tangents = self._estimator.split(vector)
        tangents = tangents.expand(self._num_tasks, -1)
        for update in self._updates:
            tangents = update.pushforward(tangents, rule_tangents)
        return tangents

    def pullback(self, cotangents: Tensor, updates: int | None = None) -> Tensor:
        """The sum over tasks of J_i^T u_i: shape (task, P) to (P + R,).

        Args:
            cotangents: u.
            updates: How many of the first updates J_i stands for; all by default.
        """
        rule_cotangents = cotangents.new_zeros(self._estimator.rule.num_parameters)
        for update in reversed(self._updates[:updates]):
            cotangents, more = update.pullback(cotangents)
            rule_cotangents = rule_cotangents + more
        return torch.cat([cotangents.sum(dim=0), rule_cotangents])

    def metrics(self) -> dict[str, float]:
        """Returns what is known about the products taken so far, the means over the updates."""
        rows = [update.metrics() for update in self._updates]
        return {name: sum(row[name] for row in rows) / len(rows) for name in rows[0]} if rows else {}


@dataclass(frozen=True)
class Estimator:
    """A rule for the inner loop, and for differentiating through it.

    Attributes:
        rule: What every step does.
        num_network_parameters: Length P of the network's parameters.
        scales: Factor on the rule's step size in each step.
    """

    rule: UpdateRule
    num_network_parameters: int
    scales: tuple[float, ...]

    def init(self, params: Tensor) -> Tensor:
        """Returns initial meta-parameters, shape (P + R,), from the network's, shape (P,)."""
        return torch.cat([params, self.rule.init().to(params)])

    def check_fits(self, params: Tensor) -> None:
        """Raises a UserError if a vector of meta-parameters is not of this estimator and its network."""
        expected = self.num_network_parameters + self.rule.num_parameters
        if params.shape != (expected,):
            raise UserError(
                f"the checkpoint holds {tuple(params.shape)} parameters, but this environment, policy and inner "
                f"loop have ({expected},): it was trained for others"
            )

    def split(self, params: Tensor) -> tuple[Tensor, Tensor]:
        """Splits meta-parameters into the network's, shape (P,), and the rule's, shape (R,)."""
        return params[: self.num_network_parameters], params[self.num_network_parameters :]

    def adapt(self, params: Tensor, num_tasks: int, source: LossSource) -> Adaptation:
        """Adapts to every task, from the network's parameters in theta.

        Args:
            params: Meta-parameters theta, shape (P + R,).
            num_tasks: Number of tasks.
            source: Gives the losses of a step, from its index and the parameters before it.

        Returns:
            The adaptation; its parameters are not connected to `params` by an autograd graph.
        """
        network_params, rule_params = self.split(params)
        task_params = network_params.expand(num_tasks, -1)
        updates = []
        for step, scale in enumerate(self.scales):
            updates.append(self.rule.update(rule_params, task_params, source(step, task_params), scale))
            task_params = updates[-1].params
        return Adaptation(network_params.expand(num_tasks, -1), tuple(updates))

    def linearize(self, adaptation: Adaptation, fraction: float = 1.0) -> Jacobian:
        """Returns the Jacobian of an adaptation, computed on a fraction of its samples."""
        updates = [self.rule.linearize(update, fraction) for update in adaptation.updates]
        return Jacobian(updates, self, len(adaptation.params))
