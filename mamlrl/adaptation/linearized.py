"""iMAML's update rule on a loss that is linearised in the network's outputs.

With phi_0 the parameters before the update, z(phi) the network's outputs, such as means and standard deviations of
actions, and l their loss,

    phi* = argmin l'(z(phi_0))^T z(phi) + w / 2 |phi - phi_0|^2,
    (I + C / w) dphi* = dphi_0 - J(phi*)^T G J(phi_0) dphi_0 / w.

C is the curvature of l'(z(phi_0))^T z at phi*, J the Jacobian of z, and G the Hessian of l in z at phi_0.
Linearising in the parameters instead is MAML, with the derivative I - H / w; linearising nothing is iMAML, with
(I + H / w)^-1. A policy's G has the sign of each advantage, and is as large as w where adaptation changes the
policy much: iMAML inverts it, and fails where it is indefinite; here, as in MAML, it only multiplies. Nor can the
minimum fit its episodes ever more closely, since their likelihood is not taken again. Numerical analysis calls
such schemes implicit-explicit, or semi-implicit.
"""

from __future__ import annotations

from torch import Tensor

from mamlrl.adaptation.proximal import ImplicitJacobian, ProximalConfig, ProximalPoint
from mamlrl.adaptation.proximal_objective import ProximalObjective
from mamlrl.adaptation.update_rule import Update, UpdateJacobian
from mamlrl.errors import UserError
from mamlrl.losses.linearized import MixedProduct, linearize_in_outputs
from mamlrl.losses.task_losses import TaskLosses


class LinearizedProximalPoint(ProximalPoint):
    """The minimum of the proximal objective of the loss linearised in the outputs, and its implicit derivative.

    Args:
        mask: 1 for the parameters that are adapted, else 0, shape (P,).
        config: The objective, its optimizer and the effort of conjugate gradient.
        num_steps: Steps of the optimizer.
        step_size: Step size of gradient descent and Adam.

    Raises:
        UserError: If the curvature is to be the Fisher matrix, which is not that of the linearised loss.
    """

    revisits = False

    def __init__(self, mask: Tensor, config: ProximalConfig, num_steps: int, step_size: float) -> None:
        if config.curvature != "hessian":
            raise UserError(
                f"adaptation.proximal.curvature: {config.curvature} is not that of a loss that is linearised; "
                "choose hessian"
            )
        super().__init__(mask, config, num_steps, step_size)

    def objective(
        self, losses: TaskLosses, params: Tensor, rule_params: Tensor, scale: float
    ) -> ProximalObjective:
        """See `ProximalPoint.objective`."""
        return super().objective(linearize_in_outputs(losses, params), params, rule_params, scale)

    def linearize(self, update: Update, fraction: float) -> UpdateJacobian:
        """Builds products with the curvature at the minimum, and with how the linearised loss depends on phi_0."""
        mixed = MixedProduct(update.losses.subsample(fraction), update.path[0], update.params)
        objective = self.damped_objective(update, fraction)
        return _LinearizedJacobian(objective, update.params, self.num_parameters, mixed)


class _LinearizedJacobian(ImplicitJacobian):
    """The implicit derivative after that of the linearised loss in the parameters before the update."""

    def __init__(
        self, objective: ProximalObjective, minimum: Tensor, num_rule_parameters: int, mixed: MixedProduct
    ) -> None:
        super().__init__(objective, minimum, num_rule_parameters)
        self._mixed = mixed
        self._scale = objective.mask / objective.weight

    def pushforward(self, tangents: Tensor, rule_tangents: Tensor) -> Tensor:
        explicit = tangents - self._scale * self._mixed(tangents)
        return super().pushforward(explicit, rule_tangents)

    def pullback(self, cotangents: Tensor) -> tuple[Tensor, Tensor]:
        pulled, rule_cotangents = super().pullback(cotangents)
        return pulled - self._mixed.transpose(self._scale * pulled), rule_cotangents
