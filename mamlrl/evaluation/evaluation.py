"""What evaluations have in common: metrics after 0, 1, 2, ... adaptation steps, with confidence intervals."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from mamlrl.adaptation.build import AdaptationConfig, make_estimator
from mamlrl.adaptation.estimator import Estimator
from mamlrl.errors import UserError
from mamlrl.experiments.experiment import EvaluationConfig, Experiment
from mamlrl.networks.network import Network


@dataclass(frozen=True)
class Paths:
    """Paths in the plane of episodes before adaptation and after each step.

    Attributes:
        goals: Where the paths should end, shape (task, 2).
        positions: Positions by number of steps, each of shape (task, episode, time, 2).
        masks: Whether the episodes were running, by number of steps, each of shape (task, episode, time).
    """

    goals: NDArray[np.float64]
    positions: tuple[NDArray[np.float32], ...]
    masks: tuple[NDArray[np.bool_], ...]


@dataclass(frozen=True)
class Fits:
    """Examples of functions of one number, and a network's outputs before adaptation and after some steps.

    Attributes:
        support_inputs: Inputs of the examples to adapt on, shape (task, support).
        support_targets: Targets of the examples to adapt on, shape (task, support).
        query_inputs: Inputs of the examples to judge on, shape (task, query).
        query_targets: Targets of the examples to judge on, shape (task, query).
        outputs: The network's outputs for the query inputs, by number of steps, each of shape (task, query).
    """

    support_inputs: NDArray[np.float32]
    support_targets: NDArray[np.float32]
    query_inputs: NDArray[np.float32]
    query_targets: NDArray[np.float32]
    outputs: dict[int, NDArray[np.float32]]


@dataclass(frozen=True)
class Evaluation(ABC):
    """Adaptation to held-out tasks.

    Attributes:
        decimals: Decimals of the metric that are worth printing.
        step_scales: Factor on the inner loop's step size in each adaptation step.
        metrics: Metrics of each task after k steps, by name, each of shape (step + 1, task); the one to report
            comes first.
        experiment: Experiment that was evaluated.
    """

    decimals: ClassVar[int]

    step_scales: tuple[float, ...]
    metrics: dict[str, NDArray[np.float64]]
    experiment: Experiment

    @property
    def metric(self) -> str:
        """Name of the metric to report."""
        return next(iter(self.metrics))

    def scores(self) -> NDArray[np.float64]:
        """Returns how good each task is after k steps, higher being better: by default, the metric to report.

        Returns:
            Shape (step + 1, task).
        """
        return self.metrics[self.metric]

    @abstractmethod
    def protocol(self) -> dict[str, Any]:
        """Returns the tasks and how much data of each was used, of plain types."""

    @abstractmethod
    def sample_size(self) -> str:
        """Says how many tasks there were and how much data of each, such as `40 tasks x 20 episodes`."""

    def details(self, row: Mapping[str, Any]) -> str:
        """Says what a table tells of a summary's row beside the metric to report: by default, nothing."""
        return ""

    def paths(self) -> Paths:
        """Returns the paths of 2D navigation.

        Raises:
            UserError: If the evaluation is not of 2D navigation.
        """
        raise UserError(
            "paths can be drawn of 2D navigation only, where observations are positions and tasks goals"
        )

    def fits(self) -> Fits:
        """Returns the examples and the network's outputs after 0 steps, after 1 step, and after all of them.

        Raises:
            UserError: If the evaluation is not of regression from one number to one number.
        """
        raise UserError("fits can be drawn of regression from one number only, such as data.dataset sinusoid")

    def summary(self) -> list[dict[str, Any]]:
        """Returns, by number of steps, the mean over tasks and its 95% interval (None for one task).

        Rows hold the means and intervals of the other metrics, too, as `NAME` and `NAME_interval_95`.
        """
        rows: list[dict[str, Any]] = [{"step": step} for step in range(len(self.step_scales) + 1)]
        for name, steps in self.metrics.items():
            mean_key, interval_key = row_keys(name, self.metric)
            for row, values in zip(rows, steps, strict=True):
                mean, half_width = mean_interval(values)
                row |= {mean_key: mean, interval_key: None if np.isnan(half_width) else half_width}
        return rows


def row_keys(name: str, reported: str) -> tuple[str, str]:
    """Returns the keys of a metric's mean and 95% interval in rows of a summary that reports one first."""
    return ("mean", "interval_95") if name == reported else (name, f"{name}_interval_95")


def mean_interval(values: Sequence[float] | NDArray[np.float64]) -> tuple[float, float]:
    """Returns the mean of independent values and the half width of its 95% Student-t interval (NaN for one)."""
    from scipy.special import stdtrit  # noqa: PLC0415 (takes long)

    count = len(values)
    if count < 2:
        return float(np.mean(values)), float("nan")
    half_width = stdtrit(count - 1, 0.975) * np.std(values, ddof=1) / np.sqrt(count)
    return float(np.mean(values)), float(half_width)


def evaluation_estimator(config: EvaluationConfig, adaptation: AdaptationConfig, network: Network) -> Estimator:
    """Builds the estimator of an evaluation: its first step as in training, later ones with a scaled step size.

    Args:
        config: The evaluation.
        adaptation: The inner loop in training.
        network: Whose parameters are adapted.

    Raises:
        UserError: If the config replaces the first step size of an inner loop that has none, or a learned one,
            or scales steps by a factor that the inner loop cannot take.
    """
    if config.first_step_size is not None:
        adaptation = replace(adaptation, step_size=config.first_step_size)
    scales = tuple(config.later_step_factor if step else 1.0 for step in range(config.steps))
    estimator = make_estimator(adaptation, network, scales)
    if config.first_step_size is not None and not estimator.rule.fixed_step_size:
        raise UserError(
            "evaluation.first_step_size only replaces a fixed step size, and this inner loop has none; "
            "leave it at null"
        )
    return estimator
