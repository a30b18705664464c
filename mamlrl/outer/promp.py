"""Proximal meta-policy search."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from torch import Tensor

from mamlrl.losses.policy_losses import ClippedSurrogate, KlDivergence
from mamlrl.metric_names import KL, META_GRADIENT_NORM, Metrics
from mamlrl.networks.distribution import Distribution
from mamlrl.outer.adam import Adam, AdamConfig
from mamlrl.outer.objective import MetaObjective
from mamlrl.outer.optimizer import OuterOptimizer
from mamlrl.settings.numbers import NonNegativeFinite, PositiveFraction, PositiveInt
from mamlrl.timing import PhaseTimer


@dataclass(frozen=True)
class PrompConfig:
    """The outer optimizer `promp`: proximal meta-policy search (Rothfuss et al. 2018).

    Attributes:
        epochs: Steps of Adam on each meta-batch.
        clip: Likelihood ratios are clipped to [1 - clip, 1 + clip].
        inner_kl_weight: Weight of the mean KL divergence between the policies before adaptation, old and new.
    """

    epochs: PositiveInt = 5
    clip: PositiveFraction = 0.3
    inner_kl_weight: NonNegativeFinite = 5e-4


class Promp(OuterOptimizer):
    """Proximal meta-policy search (Rothfuss et al. 2018): epochs of Adam on a clipped surrogate of each batch.

    The objective is the clipped surrogate after adaptation, plus the mean KL divergence between the policies
    before it, those that sampled and those now, times a weight (algorithm 1 and equation 8 there).

    Args:
        config: Epochs, clipping and the weight.
        adam: The learning rate.
        distribution: Distribution of the actions.
        theta: Meta-parameters.
    """

    def __init__(self, config: PrompConfig, adam: AdamConfig, distribution: Distribution, theta: Tensor) -> None:
        self._config = config
        self._adam = Adam(adam, theta)
        self._loss = ClippedSurrogate(distribution, config.clip)
        self._kl = KlDivergence(distribution)

    def step(self, theta: Tensor, objective: MetaObjective, timer: PhaseTimer) -> tuple[Tensor, Metrics]:
        """See `OuterOptimizer.step`."""
        start, norms = theta, []
        with timer.phase("gradient"):
            for _ in range(self._config.epochs):
                here = objective.moved(theta, self._loss)
                inner_kl, inner_gradient = here.inner_gradient(self._kl)
                gradient = here.gradient() + self._config.inner_kl_weight * inner_gradient
                theta = self._adam.descend(theta, gradient)
                norms.append(float(gradient.norm()))
        with timer.phase("evaluation"):
            before, _ = objective.evaluate(start)
            after, kl = objective.evaluate(theta)
        return theta, {
            META_GRADIENT_NORM: norms[0],
            KL: kl,
            "kl/inner": inner_kl,
            "surrogate_improvement": before - after,
            **here.metrics(),
        }

    def state_dict(self) -> dict[str, Any]:
        """Returns Adam's moments."""
        return self._adam.state_dict()

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restores Adam's moments."""
        self._adam.load_state_dict(state)
