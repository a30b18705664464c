"""What was tried beside `linearized_imaml`: inner losses and estimators, for `fixed_data.py` and for training.

PYTHONPATH=docs/results/imaml mamlrl train --config navigation2d --adaptation.estimator candidates:natural_1
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from candidate_rules import GaussNewton, Natural, ProximalPoints, Spectral
from torch import Tensor

from mamlrl import register_estimator, register_inner_loss
from mamlrl.adaptation.proximal import ProximalConfig, ProximalPoint
from mamlrl.losses.batches import Batch
from mamlrl.losses.output_loss import OutputLoss
from mamlrl.losses.policy_losses import ClippedSurrogate, KlDivergence, Reinforce, Surrogate
from mamlrl.networks.distribution import Distribution


@dataclass(frozen=True)
class LogLikelihood(Reinforce):
    """REINFORCE's loss, taken at other parameters than those that sampled the episodes, too."""

    on_policy = False


@dataclass(frozen=True)
class Penalized(OutputLoss):
    """A loss, plus a multiple of the Kullback-Leibler divergence from the policy that sampled the episodes."""

    loss: OutputLoss
    kl: KlDivergence
    weight: float

    def __call__(self, outputs: Tensor, batch: Batch) -> Tensor:
        """See `OutputLoss.__call__`."""
        return self.loss(outputs, batch) + self.weight * self.kl(outputs, batch)


def penalized(loss: Callable[[Distribution], OutputLoss], weight: float) -> Callable[[Distribution], OutputLoss]:
    """A loss with a penalty on the divergence."""
    return lambda distribution: Penalized(loss(distribution), KlDivergence(distribution), weight)


def clipped(clip: float) -> Callable[[Distribution], OutputLoss]:
    """The surrogate with clipped ratios."""
    return lambda distribution: ClippedSurrogate(distribution, clip)


def solved(rule: type[ProximalPoint], weight: float, steps: int, size: int, **changes: float) -> ProximalPoint:
    """A proximal point by Newton steps."""
    proximal = ProximalConfig(weight, optimizer="newton_cg", cg_iterations=5, cg_tolerance=1e-6, **changes)
    return rule(torch.ones(size), proximal, steps, 0.0)


LOSSES = {
    "log_likelihood": LogLikelihood,
    "clipped_0.2": clipped(0.2),
    "clipped_0.5": clipped(0.5),
    "ratio_kl_0.5": penalized(Surrogate, 0.5),
    "ratio_kl_1": penalized(Surrogate, 1.0),
    "log_likelihood_kl_0.2": penalized(LogLikelihood, 0.2),
    "log_likelihood_kl_0.5": penalized(LogLikelihood, 0.5),
}
RULES = {  # of the number of parameters
    "points_2": lambda size: ProximalPoints(solved(ProximalPoint, 4.0, 1, size), 2),
    "points_4": lambda size: ProximalPoints(solved(ProximalPoint, 8.0, 1, size), 4),
    "points_8": lambda size: ProximalPoints(solved(ProximalPoint, 16.0, 1, size), 8),
    "point": lambda size: solved(ProximalPoint, 2.0, 4, size),
    "point_weight_4": lambda size: solved(ProximalPoint, 4.0, 4, size),
    "point_damped": lambda size: solved(ProximalPoint, 5.0, 4, size, damping=5.0),
    "gauss_newton": lambda size: solved(GaussNewton, 2.0, 4, size),
    "spectral": lambda size: solved(Spectral, 2.0, 4, size),
    "natural_1": lambda size: Natural(1.0, 1.0),
    "natural_0.3": lambda size: Natural(0.3, 0.3),
    "natural_0.1": lambda size: Natural(0.1, 0.1),
}
for name, loss in LOSSES.items():
    register_inner_loss(name, loss)
for name, make in RULES.items():
    register_estimator(name, lambda config, network, make=make: make(network.num_parameters))
