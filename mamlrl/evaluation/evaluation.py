"""What evaluations have in common: metrics after 0, 1, 2, ... adaptation steps, with confidence intervals."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from mamlrl.adaptation.build import make_estimator
from mamlrl.adaptation.estimator import Estimator
from mamlrl.errors import UserError
from mamlrl.experiments.experiment import Config
from mamlrl.networks.network import Network


@dataclass(frozen=True)
class Evaluation(ABC):
    """Adaptation to held-out tasks.

    Attributes:
        step_scales: Factor on the inner loop's step size in each adaptation step.
        metrics: Metrics of each task after k steps, by name, each of shape (step + 1, task); the one to
            report first.
    """

    step_scales: tuple[float, ...]
    metrics: dict[str, NDArray[np.float64]]

    @property
    def metric(self) -> str:
        """Name of the metric to report."""
        return next(iter(self.metrics))

    @abstractmethod
    def protocol(self, config: Config) -> dict[str, Any]:
        """Returns the tasks and how much data of each was used, of plain types."""

    def summary(self) -> list[dict[str, Any]]:
        """Returns, by number of steps, the mean over tasks and its 95% interval (None for one task).

        Of the other metrics the means, by their names.
        """
        rows = []
        for step, values in enumerate(self.metrics[self.metric]):
            mean, half_width = mean_interval(values)
            interval = None if np.isnan(half_width) else half_width
            others = {name: float(other[step].mean()) for name, other in list(self.metrics.items())[1:]}
            rows.append({"step": step, "mean": mean, "interval_95": interval, **others})
        return rows


def mean_interval(values: Sequence[float] | NDArray[np.float64]) -> tuple[float, float]:
    """Returns the mean of independent values and the half width of its 95% Student-t interval (NaN for one)."""
    count = len(values)
    if count < 2:
        return float(np.mean(values)), float("nan")
    half_width = stats.t.ppf(0.975, count - 1) * np.std(values, ddof=1) / np.sqrt(count)
    return float(np.mean(values)), float(half_width)


def evaluation_estimator(config: Config, network: Network) -> Estimator:
    """Builds the estimator of an evaluation: its first step as in training, later ones with a scaled step size.

    Raises:
        UserError: If the config replaces the first step size of an inner loop that has none, or a learned one,
            or scales steps of imaml by 0.
    """
    settings, adaptation = config.evaluation, config.adaptation
    if settings.first_step_size is not None:
        if adaptation.estimator == "imaml" or adaptation.learned_step_size != "none":
            raise UserError("evaluation.first_step_size replaces a fixed step size, which this inner loop has not")
        adaptation = replace(adaptation, step_size=settings.first_step_size)
    scales = tuple(settings.later_step_factor if step else 1.0 for step in range(settings.steps))
    if adaptation.estimator == "imaml" and 0 in scales:
        raise UserError(
            "evaluation.later_step_factor: imaml divides its proximal weight by it; choose one above 0"
        )
    return make_estimator(adaptation, network, scales)
