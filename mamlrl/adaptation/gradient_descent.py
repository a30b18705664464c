"""MAML's update rule: gradient descent, with or without second derivatives, with fixed or learned step sizes."""

from __future__ import annotations

import torch
from torch import Tensor

from mamlrl.adaptation.step_sizes import StepSizes
from mamlrl.adaptation.update_rule import Update, UpdateJacobian, UpdateRule
from mamlrl.losses.derivatives import HessianProduct, task_gradients
from mamlrl.losses.task_losses import TaskLosses


class GradientDescent(UpdateRule):
    """Model-agnostic meta-learning (Finn et al. 2017): phi' = phi - a d with d = grad L(phi) + w (phi - phi_0).

    a is a step size for every parameter; phi_0 are the parameters before the update, and w, usually 0, is the
    weight of a proximal term. One such step has the derivative

        dphi' = dphi - a (H dphi + w (dphi - dphi_0)) - d da.

    Args:
        step_sizes: Step sizes a, fixed or learned.
        num_steps: Steps on the same losses.
        proximal_weight: w.
    """

    exact = True
    compiles = True
    parameter_name = "a learned step size"

    def __init__(self, step_sizes: StepSizes, num_steps: int = 1, proximal_weight: float = 0.0) -> None:
        self.step_sizes = step_sizes
        self.num_steps = num_steps
        self.proximal_weight = proximal_weight
        self.num_parameters = step_sizes.num_parameters
        self.fixed_step_size = step_sizes.num_parameters == 0
        self.revisits = num_steps > 1

    def init(self) -> Tensor:
        """Returns the learned step sizes at the start, shape (R,)."""
        return self.step_sizes.init()

    def update(self, rule_params: Tensor, params: Tensor, losses: TaskLosses, scale: float) -> Update:
        """See `UpdateRule.update`."""
        sizes = scale * self.step_sizes.expand(rule_params)
        path, gradients = [params], [task_gradients(losses, params)]
        while len(path) < self.num_steps:
            path.append(path[-1] - sizes * self._descent(gradients[-1], path[-1], params))
            gradients.append(task_gradients(losses, path[-1]))
        after = path[-1] - sizes * self._descent(gradients[-1], path[-1], params)
        return Update(losses, rule_params, scale, tuple(path), tuple(gradients), after)

    def linearize(self, update: Update, fraction: float) -> UpdateJacobian:
        """Builds the Hessian products of all steps."""
        losses = update.losses.subsample(fraction)
        return _UnrolledJacobian(self, update, [HessianProduct(losses, params) for params in update.path])

    def metrics(self, update: Update) -> dict[str, float]:
        """Returns the mean step size if it is learned."""
        return self.step_sizes.metrics(update.rule_params)

    def descents(self, update: Update) -> list[Tensor]:
        """Returns the direction of each step, before its step size, each of shape (task, P)."""
        pairs = zip(update.gradients, update.path, strict=True)
        return [self._descent(gradient, params, update.path[0]) for gradient, params in pairs]

    def _descent(self, gradients: Tensor, params: Tensor, start: Tensor) -> Tensor:
        """Gradients of the inner objective from those of the losses."""
        return gradients + self.proximal_weight * (params - start) if self.proximal_weight else gradients


class FirstOrder(GradientDescent):
    """First-order MAML (Finn et al. 2017, section 5.2): the same update, its gradients taken for constants."""

    exact = False

    def linearize(self, update: Update, fraction: float) -> UpdateJacobian:
        """The identity, and the derivative in learned step sizes."""
        del fraction
        return _UnrolledJacobian(self, update, [])


class _UnrolledJacobian(UpdateJacobian):
    """Goes through the steps forwards or backwards; without Hessians, gradients are taken for constants."""

    def __init__(self, rule: GradientDescent, update: Update, hessians: list[HessianProduct]) -> None:
        self._step_sizes = rule.step_sizes
        self._scale = update.scale
        self._sizes = update.scale * rule.step_sizes.expand(update.rule_params)
        self._weight = rule.proximal_weight if hessians else 0.0
        self._hessians = hessians
        self._descents = rule.descents(update)

    def pushforward(self, tangents: Tensor, rule_tangents: Tensor) -> Tensor:
        start = tangents
        for step, descent in enumerate(self._descents):
            change = torch.zeros_like(tangents)
            if self._hessians:
                change = self._sizes * self._hessians[step](tangents)
            if self._weight:
                change = change + self._sizes * self._weight * (tangents - start)
            if len(rule_tangents):
                change = change + self._scale * self._step_sizes.expand(rule_tangents) * descent
            tangents = tangents - change
        return tangents

    def pullback(self, cotangents: Tensor) -> tuple[Tensor, Tensor]:
        start = torch.zeros_like(cotangents)
        rule_cotangents = cotangents.new_zeros(self._step_sizes.num_parameters)
        for step in reversed(range(len(self._descents))):
            if len(rule_cotangents):
                product = -self._scale * (self._descents[step] * cotangents).sum(dim=0)
                rule_cotangents = rule_cotangents + self._step_sizes.reduce(product)
            scaled = self._sizes * cotangents
            if self._weight:
                start = start + self._weight * scaled
                cotangents = cotangents - self._weight * scaled
            if self._hessians:
                cotangents = cotangents - self._hessians[step](scaled)
        return cotangents + start, rule_cotangents
