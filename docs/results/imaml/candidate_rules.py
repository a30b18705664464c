"""Update rules that were tried beside `linearized_imaml`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields

import torch
from torch import Tensor

from mamlrl.adaptation.proximal import ImplicitJacobian, ProximalPoint
from mamlrl.adaptation.proximal_objective import ProximalObjective
from mamlrl.adaptation.update_rule import Update, UpdateJacobian, UpdateRule
from mamlrl.conjugate_gradient import conjugate_gradient
from mamlrl.losses.derivatives import FisherProduct, HessianProduct, task_gradients
from mamlrl.losses.task_losses import TaskLosses


class ProximalPoints(UpdateRule):
    """Several proximal points on the same episodes, implicit Euler: weight K w each."""

    exact = True

    def __init__(self, point: ProximalPoint, count: int) -> None:
        self.point, self.count = point, count

    def update(self, rule_params: Tensor, params: Tensor, losses: TaskLosses, scale: float) -> Update:
        """See `UpdateRule.update`."""
        points = [params]
        for _ in range(self.count):
            points.append(self.point.update(rule_params, points[-1], losses, scale).params)
        gradients = tuple(task_gradients(losses, point) for point in points[:-1])
        return Update(losses, rule_params, scale, tuple(points[:-1]), gradients, points[-1])

    def linearize(self, update: Update, fraction: float) -> UpdateJacobian:
        """See `UpdateRule.linearize`."""
        return Product([self.point.linearize(part, fraction) for part in self._parts(update)])

    def metrics(self, update: Update) -> dict[str, float]:
        """See `UpdateRule.metrics`."""
        return self.point.metrics(self._parts(update)[-1])

    def _parts(self, update: Update) -> list[Update]:
        after = (*update.path[1:], update.params)
        return [
            Update(update.losses, update.rule_params, update.scale, (before,), (), point)
            for before, point in zip(update.path, after, strict=True)
        ]


class Product(UpdateJacobian):
    """The product of Jacobians, the first one's update being the first."""

    def __init__(self, parts: list[UpdateJacobian]) -> None:
        self.parts = parts

    def pushforward(self, tangents: Tensor, rule_tangents: Tensor) -> Tensor:
        """See `UpdateJacobian.pushforward`."""
        for part in self.parts:
            tangents = part.pushforward(tangents, rule_tangents)
        return tangents

    def pullback(self, cotangents: Tensor) -> tuple[Tensor, Tensor]:
        """See `UpdateJacobian.pullback`."""
        for part in reversed(self.parts):
            cotangents, none = part.pullback(cotangents)
        return cotangents, none

    def metrics(self) -> dict[str, float]:
        """See `UpdateJacobian.metrics`."""
        metrics = [part.metrics() for part in self.parts]
        return {name: sum(each[name] for each in metrics) / len(metrics) for name in metrics[0]}


class GaussNewtonObjective(ProximalObjective):
    """The curvature is J^T C J, C the loss's Hessian in each sample's outputs without its negative eigenvalues."""

    def loss_curvature(self, params: Tensor) -> Callable[[Tensor], Tensor]:
        """See `ProximalObjective.loss_curvature`."""
        network = self.losses.network.linearize(params, self.losses.batch.observations)
        _, product = self.losses.differentiate(network.outputs)
        axes = torch.eye(network.outputs.shape[-1]).to(network.outputs)
        rows = [product(axis.expand_as(network.outputs).contiguous()) for axis in axes]
        values, vectors = torch.linalg.eigh(torch.stack(rows, dim=-1))
        convex = (vectors * values.clamp(min=0)[..., None, :]) @ vectors.mT
        return lambda v: network.vjp((convex @ network.jvp(v)[..., None])[..., 0])


class GaussNewton(ProximalPoint):
    """A proximal point with the clipped Gauss-Newton matrix in solver and derivative."""

    exact = False

    def objective(self, update: Update) -> ProximalObjective:
        """See `ProximalPoint.objective`."""
        plain = super().objective(update)
        return GaussNewtonObjective(**{field.name: getattr(plain, field.name) for field in fields(plain)})


class Spectral(ProximalPoint):
    """A proximal point differentiated by f(H / w), f(x) = 1 / (1 + x) where x >= 0, and MAML's 1 - x elsewhere."""

    exact = False

    def linearize(self, update: Update, fraction: float) -> UpdateJacobian:
        """See `UpdateRule.linearize`."""
        return SpectralJacobian(self.damped_objective(update, fraction), update.params, 0)


class SpectralJacobian(ImplicitJacobian):
    """A function of the curvature, by Lanczos's method in place of conjugate gradient."""

    def _solve(self, b: Tensor) -> Tensor:
        weight, iterations = self._objective.weight, self._objective.cg_iterations
        basis, matrix = lanczos(lambda v: self._curvature(v) / weight, b, iterations)
        values, vectors = torch.linalg.eigh(matrix)
        factors = torch.where(values >= 0, 1 / (1 + values.clamp(min=0)), 1 - values)
        self._solved.append((iterations, 0.0, float((values[:, 0] < -1).double().mean())))
        coefficients = vectors @ (factors * vectors[:, 0])[..., None]
        return b.norm(dim=1, keepdim=True) * (basis @ coefficients)[..., 0]


def lanczos(matvec: Callable[[Tensor], Tensor], b: Tensor, size: int) -> tuple[Tensor, Tensor]:
    """An orthonormal basis of each Krylov space, (task, P, size), and the matrix in it, (task, size, size)."""
    basis = (b / b.norm(dim=1, keepdim=True).clamp(min=torch.finfo(b.dtype).tiny))[..., None]
    products = []
    for _ in range(size):
        products.append(matvec(basis[..., -1]))
        rest = products[-1]
        for _ in range(2):  # once more, against rounding
            rest = rest - (basis @ (basis.mT @ rest[..., None]))[..., 0]
        basis = torch.cat([basis, (rest / rest.norm(dim=1, keepdim=True))[..., None]], dim=-1)
    matrix = basis[..., :-1].mT @ torch.stack(products, dim=-1)
    return basis[..., :-1], (matrix + matrix.mT) / 2


class Natural(UpdateRule):
    """phi = theta - a (F + damping)^-1 g: the linearised loss with the Fisher metric in the proximal term.

    Its derivative drops that of F.
    """

    exact = False
    implicit = True
    revisits = False

    def __init__(self, step_size: float, damping: float) -> None:
        self.step_size, self.damping = step_size, damping

    def update(self, rule_params: Tensor, params: Tensor, losses: TaskLosses, scale: float) -> Update:
        """See `UpdateRule.update`."""
        gradients = task_gradients(losses, params)
        step = scale * self.step_size * self.solve(FisherProduct(losses.network, params, losses.batch), gradients)
        return Update(losses, rule_params, scale, (params,), (gradients,), params - step)

    def linearize(self, update: Update, fraction: float) -> UpdateJacobian:
        """See `UpdateRule.linearize`."""
        return NaturalJacobian(self, update, update.losses.subsample(fraction))

    def solve(self, fisher: FisherProduct, b: Tensor) -> Tensor:
        """Solves (F + damping) x = b of every task, shape (task, P)."""
        return conjugate_gradient(lambda v: fisher(v) + self.damping * v, b, 10, 1e-6).solution


class NaturalJacobian(UpdateJacobian):
    """I - a M^-1 H."""

    def __init__(self, rule: Natural, update: Update, losses: TaskLosses) -> None:
        self.rule, self.size = rule, update.scale * rule.step_size
        self.hessian = HessianProduct(losses, update.path[0])
        self.fisher = FisherProduct(losses.network, update.path[0], losses.batch)

    def pushforward(self, tangents: Tensor, rule_tangents: Tensor) -> Tensor:
        """See `UpdateJacobian.pushforward`."""
        return tangents - self.size * self.rule.solve(self.fisher, self.hessian(tangents))

    def pullback(self, cotangents: Tensor) -> tuple[Tensor, Tensor]:
        """See `UpdateJacobian.pullback`."""
        pulled = self.hessian(self.rule.solve(self.fisher, cotangents))
        return cotangents - self.size * pulled, cotangents.new_zeros(0)
