"""Proximal meta-policy search."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from mamlrl.finite import check_finite
from mamlrl.losses.policy_losses import ClippedSurrogate, KlDivergence
from mamlrl.metric_names import KL, META_GRADIENT_NORM, Metrics
from mamlrl.networks.distribution import Distribution
from mamlrl.outer.adam import Adam, AdamConfig
from mamlrl.outer.objective import MetaObjective
from mamlrl.outer.optimizer import OuterOptimizer
from mamlrl.settings.numbers import NonNegativeFinite, PositiveFraction, PositiveInt
from mamlrl.settings.section import Section
from mamlrl.timing import PhaseTimer


@dataclass(frozen=True)
class PrompConfig(Section):
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
            for epoch in range(1, self._config.epochs + 1):
                here = objective.moved(theta, self._loss)
                inner_kl, inner_gradient = here.inner_gradient(self._kl)
                gradient = here.gradient() + self._config.inner_kl_weight * inner_gradient
                check_finite(f"the meta-gradient of epoch {epoch}", gradient, outer=epoch > 1)
                theta = self._adam.descend(theta, gradient)
                norms.append(float(gradient.norm()))
        with timer.phase("evaluation"):
            before, _ = objective.evaluate(start)
            after, kl = objective.evaluate(theta)
        check_finite("the surrogate after the outer step, or its KL divergence,", torch.tensor([after, kl]), True)
        return theta, {
            META_GRADIENT_NORM: norms[0],
            KL: kl,
            "kl/inner": inner_kl,
            "surrogate_improvement": before - after,
            **here.metrics(),
        }

    @property
    def tensors(self) -> Mapping[str, Tensor]:
        """Adam's moments."""
        return self._adam.tensors

    def state_dict(self) -> dict[str, Any]:
        """Returns Adam's moments."""
        return self._adam.state_dict()

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restores Adam's moments."""
        self._adam.load_state_dict(state)
