"""What improves the meta-parameters: a trust-region step, Adam, or several epochs on a clipped surrogate."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.optim.adam import adam

from mamlrl.experiments.experiment import AdamConfig, Config, PrompConfig, TrustRegionConfig
from mamlrl.losses.policy_losses import clipped_surrogate
from mamlrl.networks.distributions import Distribution
from mamlrl.outer.objective import MetaObjective
from mamlrl.outer.trust_region import line_search, search_direction
from mamlrl.runs.metrics_file import Metrics
from mamlrl.timing import PhaseTimer


class OuterOptimizer(ABC):
    """Improves meta-parameters by one meta-batch."""

    @abstractmethod
    def step(self, params: Tensor, objective: MetaObjective, timer: PhaseTimer) -> tuple[Tensor, Metrics]:
        """Takes a step.

        Args:
            params: Meta-parameters, shape (P + R,).
            objective: The objective at them.
            timer: Takes the times of the step's phases.

        Returns:
            New meta-parameters, and metrics.
        """

    def state_dict(self) -> dict[str, Any]:
        """Returns what later steps depend on, of types that load without running code."""
        return {}

    def load_state_dict(self, state: dict[str, Any]) -> None:  # noqa: B027 (most have no state)
        """Restores what `state_dict` returned."""


class GradientOptimizer(OuterOptimizer):
    """Needs nothing but the meta-gradient: no divergences of policies, which supervised learning does not have."""

    @abstractmethod
    def descend(self, params: Tensor, gradient: Tensor) -> Tensor:
        """Takes a step from `params` along a gradient, both of shape (P + R,)."""

    def step(self, params: Tensor, objective: MetaObjective, timer: PhaseTimer) -> tuple[Tensor, Metrics]:
        """See `OuterOptimizer.step`."""
        with timer.phase("gradient"):
            gradient = objective.gradient()
        return self.descend(params, gradient), {"gradient_norm/meta": float(gradient.norm())}


class TrustRegion(OuterOptimizer):
    """TRPO (Schulman et al. 2015), as MAML uses it (Finn et al. 2017, section 4.2).

    Args:
        config: Bound, effort and curvature.
    """

    def __init__(self, config: TrustRegionConfig) -> None:
        self._config = config

    def step(self, params: Tensor, objective: MetaObjective, timer: PhaseTimer) -> tuple[Tensor, Metrics]:
        """See `OuterOptimizer.step`."""
        config = self._config
        with timer.phase("gradient"):
            gradient = objective.gradient()
        with timer.phase("cg"):
            direction = search_direction(gradient, objective.curvature(config.curvature_fraction), config)
        with timer.phase("line_search"):
            step = line_search(params, direction.vector, objective.evaluate, config)
        return step.params, {
            "gradient_norm/meta": float(gradient.norm()),
            "kl": step.kl,
            "surrogate_improvement": step.improvement,
            "line_search_accepted": float(step.accepted),
            "line_search_steps": step.tried,
            "cg_iterations": direction.cg_iterations,
            "cg_residual": direction.cg_residual,
        }


class Adam(GradientOptimizer):
    """Adam (Kingma & Ba 2015) on the meta-gradient.

    Args:
        config: The learning rate.
        params: Meta-parameters; its moments are of their shape, type and device.
    """

    def __init__(self, config: AdamConfig, params: Tensor) -> None:
        self._learning_rate = config.learning_rate
        self._state = {
            "step": torch.zeros((), device=params.device),
            "exp_avg": torch.zeros_like(params),
            "exp_avg_sq": torch.zeros_like(params),
        }

    def descend(self, params: Tensor, gradient: Tensor) -> Tensor:
        """See `GradientOptimizer.descend`."""
        params = params.clone()
        adam(  # a function, unlike PyTorch's optimizers, can be compiled together with what the gradient takes
            [params],
            [gradient],
            [self._state["exp_avg"]],
            [self._state["exp_avg_sq"]],
            [],
            [self._state["step"]],
            amsgrad=False,
            beta1=0.9,
            beta2=0.999,
            lr=self._learning_rate,
            weight_decay=0.0,
            eps=1e-8,
            maximize=False,
        )
        return params

    def state_dict(self) -> dict[str, Any]:
        """Returns a copy of Adam's moments."""
        return {name: value.to("cpu", copy=True) for name, value in self._state.items()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restores Adam's moments."""
        self._state = {name: state[name] for name in self._state}


class Promp(OuterOptimizer):
    """Proximal meta-policy search (Rothfuss et al. 2018): epochs of Adam on a clipped surrogate of each batch.

    The objective is the clipped surrogate after adaptation, plus the mean KL divergence between the policies
    before it, those that sampled and those now, times a weight (algorithm 1 and equation 8 there).

    Args:
        config: Epochs, clipping and the weight.
        adam: The learning rate.
        distribution: Of the actions.
        params: Meta-parameters.
    """

    def __init__(self, config: PrompConfig, adam: AdamConfig, distribution: Distribution, params: Tensor) -> None:
        self._config = config
        self._adam = Adam(adam, params)
        self._loss = clipped_surrogate(distribution, config.clip)

    def step(self, params: Tensor, objective: MetaObjective, timer: PhaseTimer) -> tuple[Tensor, Metrics]:
        """See `OuterOptimizer.step`."""
        start, norms = params, []
        with timer.phase("gradient"):
            for _ in range(self._config.epochs):
                here = objective.moved(params, self._loss)
                inner_kl, inner_gradient = here.inner_kl_gradient()
                gradient = here.gradient() + self._config.inner_kl_weight * inner_gradient
                params = self._adam.descend(params, gradient)
                norms.append(float(gradient.norm()))
        with timer.phase("evaluation"):
            before, _ = objective.evaluate(start)
            after, kl = objective.evaluate(params)
        return params, {
            "gradient_norm/meta": norms[0],
            "kl": kl,
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


OUTER_OPTIMIZERS: dict[str, Callable[[Config, Distribution, Tensor], OuterOptimizer]] = {
    "trust_region": lambda config, distribution, params: TrustRegion(config.trust_region),
    "adam": lambda config, distribution, params: Adam(config.adam, params),
    "promp": lambda config, distribution, params: Promp(config.promp, config.adam, distribution, params),
}


def make_outer_optimizer(config: Config, distribution: Distribution, params: Tensor) -> OuterOptimizer:
    """Builds the outer optimizer that a config names.

    Args:
        config: The experiment.
        distribution: What the network's outputs parametrise.
        params: Meta-parameters, shape (P + R,).
    """
    return OUTER_OPTIMIZERS[config.outer_optimizer](config, distribution, params)
