"""iMAML's update rule on a linearised loss: in part in the parameters, in part in the network's outputs alone.

With phi_0 the parameters before the update, z(phi) the network's outputs, such as means and standard deviations of
actions, l their loss, g its gradient at phi_0, and b the implicitness,

    phi* = argmin (1 - b) g^T phi + b l'(z(phi_0))^T z(phi) + w / 2 |phi - phi_0|^2,
    (I + b C / w) dphi* = dphi_0 - ((1 - b) H + b J(phi*)^T G J(phi_0)) dphi_0 / w.

H is the Hessian of the loss at phi_0, C the curvature of l'(z(phi_0))^T z at phi*, J the Jacobian of z, and G the
Hessian of l in z at phi_0. With b = 0 it is MAML, with the derivative I - H / w; iMAML, which linearises nothing,
has (I + H / w)^-1. A policy's G has the sign of each advantage, and is as large as w where adaptation changes the
policy much: iMAML inverts it, and fails where it is indefinite; here, as in MAML, it only multiplies. Nor can the
minimum fit its episodes ever more closely, since their likelihood is not taken again.

Numerical analysis calls such schemes implicit-explicit. b = 1/2 is that of Crank and Nicolson (1947): it follows
gradient flow to second order in C, and only eigenvalues of C below -2 w are too many.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from torch import Tensor

from mamlrl.adaptation.proximal import ImplicitJacobian, ProximalConfig, ProximalPoint
from mamlrl.adaptation.proximal_objective import ProximalObjective
from mamlrl.adaptation.update_rule import Update, UpdateJacobian
from mamlrl.errors import UserError
from mamlrl.losses.derivatives import HessianProduct
from mamlrl.losses.linearized import MixedProduct, linearize_in_outputs


class LinearizedProximalPoint(ProximalPoint):
    """The minimum of the proximal objective of a linearised loss, and its implicit derivative.

    Args:
        mask: 1 for the parameters that are adapted, else 0, shape (P,).
        config: The objective, its optimizer and the effort of conjugate gradient.
        num_steps: Steps of the optimizer.
        step_size: Step size of gradient descent and Adam.

    Raises:
        UserError: If the curvature is to be the Fisher matrix, which is not that of a linearised loss.
    """

    revisits = False

    def __init__(self, mask: Tensor, config: ProximalConfig, num_steps: int, step_size: float) -> None:
        if config.curvature != "hessian":
            raise UserError(
                f"adaptation.proximal.curvature: {config.curvature} is not that of a loss that is linearised; "
                "choose hessian"
            )
        super().__init__(mask, config, num_steps, step_size)

    def objective(self, update: Update) -> ProximalObjective:
        """See `ProximalPoint.objective`; the part linear in the parameters moves the start."""
        params, share = update.path[0], self.config.implicitness
        objective = super().objective(replace(update, losses=linearize_in_outputs(update.losses, params, share)))
        explicit = (1 - share) * objective.mask * update.gradients[0]
        return replace(objective, start=params - explicit / objective.weight)

    def linearize(self, update: Update, fraction: float) -> UpdateJacobian:
        """Builds products with the curvature at the minimum, and with how the linearised loss depends on phi_0."""
        losses, before = update.losses.subsample(fraction), update.path[0]
        return _LinearizedJacobian(
            self.damped_objective(update, fraction),
            update,
            self.num_parameters,
            HessianProduct(losses, before),
            MixedProduct(losses, before, update.params),
            self.config.implicitness,
        )


class _LinearizedJacobian(ImplicitJacobian):
    """The implicit derivative after that of the linearised loss in the parameters before the update."""

    def __init__(
        self,
        objective: ProximalObjective,
        update: Update,
        num_rule_parameters: int,
        hessian: HessianProduct,
        mixed: MixedProduct,
        implicitness: float,
    ) -> None:
        super().__init__(objective, update.params, num_rule_parameters)
        self._shift = update.params - update.path[0]
        self._hessian, self._mixed = hessian, mixed
        self._scale = objective.mask / objective.weight
        self._share = implicitness

    def pushforward(self, tangents: Tensor, rule_tangents: Tensor) -> Tensor:
        slope = self._blend(tangents, self._mixed)
        return super().pushforward(tangents - self._scale * slope, rule_tangents)

    def pullback(self, cotangents: Tensor) -> tuple[Tensor, Tensor]:
        pulled, rule_cotangents = super().pullback(cotangents)
        slope = self._blend(self._scale * pulled, self._mixed.transpose)
        return pulled - slope, rule_cotangents

    def _blend(self, vectors: Tensor, mixed: Callable[[Tensor], Tensor]) -> Tensor:
        """How the gradient's explicit part, and the slopes of the implicit one, depend on phi_0."""
        return (1 - self._share) * self._hessian(vectors) + self._share * mixed(vectors)
