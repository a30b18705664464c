"""What improves the meta-parameters: the contract."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any

from torch import Tensor

from mamlrl.finite import check_finite
from mamlrl.metric_names import META_GRADIENT_NORM, Metrics
from mamlrl.outer.objective import MetaObjective
from mamlrl.timing import PhaseTimer


class OuterOptimizer(ABC):
    """Improves meta-parameters by one meta-batch."""

    @abstractmethod
    def step(self, theta: Tensor, objective: MetaObjective, timer: PhaseTimer) -> tuple[Tensor, Metrics]:
        """Takes a step.

        Args:
            theta: Meta-parameters, shape (P + R,).
            objective: The objective at them.
            timer: Takes the times of the step's phases.

        Returns:
            New meta-parameters, and metrics.

        Raises:
            LearningError: If a gradient or a loss is not finite.
        """

    @property
    def tensors(self) -> Mapping[str, Tensor]:
        """What later steps depend on and must be finite, by what one of its numbers is: by default, nothing."""
        return {}

    def state_dict(self) -> dict[str, Any]:
        """Returns what later steps depend on, of types that load without running code."""
        return {}

    def load_state_dict(self, state: dict[str, Any]) -> None:  # noqa: B027 (most have no state)
        """Restores what `state_dict` returned, its tensors from whichever device."""


class GradientOptimizer(OuterOptimizer):
    """Needs nothing but the meta-gradient: no divergences of policies, which supervised learning does not have."""

    @abstractmethod
    def descend(self, theta: Tensor, gradient: Tensor) -> Tensor:
        """Takes a step from `theta` along a gradient, both of shape (P + R,)."""

    def step(self, theta: Tensor, objective: MetaObjective, timer: PhaseTimer) -> tuple[Tensor, Metrics]:
        """See `OuterOptimizer.step`."""
        with timer.phase("gradient"):
            gradient = objective.gradient()
        check_finite("the meta-gradient", gradient)
        return self.descend(theta, gradient), {META_GRADIENT_NORM: float(gradient.norm())}
