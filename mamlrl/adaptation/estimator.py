"""The inner loop: estimators map meta-parameters to adapted ones, phi_i = U_i(theta), and linearise that map.

The outer step knows nothing else: with J_i the Jacobian of U_i, the meta-gradient is the mean of
J_i^T grad L_i(phi_i), and the trust region's curvature the mean of J_i^T F_i J_i.

An estimator repeats one update rule, on fresh data each time. The meta-parameters theta are the network's
parameters, followed by those of the rule, such as learned step sizes.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from mamlrl.adaptation.update_rule import Update, UpdateJacobian, UpdateRule
from mamlrl.errors import UserError
from mamlrl.finite import check_finite, check_tasks_finite, is_finite
from mamlrl.losses.task_losses import TaskLosses
from mamlrl.metric_names import Metrics, means

LossSource = Callable[[int, Tensor], TaskLosses]  # (step, phi before it) -> losses to descend


@dataclass(frozen=True)
class Adaptation:
    """What an inner loop did.

    Attributes:
        initial: Parameters before the first update, shape (task, P).
        updates: All updates, in order.
    """

    initial: Tensor
    updates: tuple[Update, ...]

    @property
    def phi(self) -> Tensor:
        """Adapted parameters, shape (task, P)."""
        return self.updates[-1].params if self.updates else self.initial

    @property
    def trajectory(self) -> tuple[Tensor, ...]:
        """Parameters before the first update and after each, each of shape (task, P)."""
        return (self.initial, *(update.params for update in self.updates))

    def check_finite(self) -> None:
        """Raises a LearningError for the first gradient or parameter that is not finite."""
        for step, update in enumerate(self.updates, start=1):
            for gradients in update.gradients:
                check_tasks_finite(f"a gradient in inner step {step}", gradients)
            check_tasks_finite(f"a parameter after inner step {step}", update.params)

    def replay(self, step: int, phi: Tensor) -> TaskLosses:
        """A loss source that repeats the data of this adaptation, to adapt other meta-parameters on it."""
        del phi
        return self.updates[step].losses


class Jacobian:
    """J_i = dphi_i / dtheta for every task: the product of the updates' Jacobians.

    Args:
        updates: Jacobians of the updates, in order.
        estimator: Estimator whose meta-parameters theta are.
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

    def metrics(self) -> Metrics:
        """Returns metrics of the products taken so far, their means over the updates."""
        return means([update.metrics() for update in self._updates])


@dataclass(frozen=True)
class Estimator:
    """An update rule that the inner loop repeats, and the derivatives of the whole loop.

    Attributes:
        rule: Rule of every update.
        num_network_parameters: Length P of the network's parameters.
        scales: Factor on the rule's step size in each update.
    """

    rule: UpdateRule
    num_network_parameters: int
    scales: tuple[float, ...]

    def init(self, params: Tensor) -> Tensor:
        """Returns initial meta-parameters, shape (P + R,), from the network's, shape (P,)."""
        return torch.cat([params, self.rule.init().to(params)])

    def check_fits(self, theta: Tensor) -> None:
        """Raises a UserError if a vector of meta-parameters is not of this estimator and its network."""
        if not isinstance(theta, Tensor):
            raise UserError(f"params must be a tensor of shape (P + R,), got a {type(theta).__name__}")
        expected = self.num_network_parameters + self.rule.num_parameters
        if theta.shape != (expected,):
            raise UserError(
                f"the checkpoint holds {tuple(theta.shape)} parameters, but this environment, policy and inner "
                f"loop have ({expected},): it was trained for others"
            )
        if theta.dtype != torch.float32:
            raise UserError(f"the checkpoint holds parameters of {theta.dtype}, but networks have torch.float32")

    def check_finite(self, theta: Tensor, outer: bool = False) -> None:
        """Raises a LearningError if meta-parameters, shape (P + R,), are not finite.

        Args:
            theta: The meta-parameters.
            outer: Whether they come from an outer step.
        """
        if not is_finite(theta):
            params, rule_params = self.split(theta)
            check_finite(self.rule.parameter_name, rule_params, outer)
            check_finite("a meta-parameter", params, outer)

    def split(self, theta: Tensor) -> tuple[Tensor, Tensor]:
        """Splits meta-parameters into the network's, shape (P,), and the rule's, shape (R,)."""
        return theta[: self.num_network_parameters], theta[self.num_network_parameters :]

    def adapt(self, theta: Tensor, num_tasks: int, source: LossSource) -> Adaptation:
        """Adapts to every task, from the network's parameters in theta.

        Args:
            theta: Meta-parameters, shape (P + R,).
            num_tasks: Number of tasks.
            source: Gives the losses of a step, from its index and the parameters before it.

        Returns:
            The adaptation; its parameters are not connected to `theta` by an autograd graph.
        """
        params, rule_params = self.split(theta)
        phi = params.expand(num_tasks, -1)
        updates = []
        for step, scale in enumerate(self.scales):
            updates.append(self.rule.update(rule_params, phi, source(step, phi), scale))
            phi = updates[-1].params
        return Adaptation(params.expand(num_tasks, -1), tuple(updates))

    def linearize(self, adaptation: Adaptation, fraction: float = 1.0) -> Jacobian:
        """Returns the Jacobian of an adaptation, computed on a fraction of its samples."""
        updates = [self.rule.linearize(update, fraction) for update in adaptation.updates]
        return Jacobian(updates, self, len(adaptation.phi))
