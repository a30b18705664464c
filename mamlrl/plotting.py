"""Figures: learning curves, adaptation curves, 2D navigation paths."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from mamlrl.errors import UserError
from mamlrl.evaluation import Evaluation, mean_interval
from mamlrl.metrics import Metrics

RETURN_PREFIX = "return/step_"


def learning_curves(groups: Mapping[str, Sequence[Sequence[Metrics]]]) -> Figure:
    """Draws the return after each number of inner steps against meta-iterations.

    Args:
        groups: Runs that differ only in their seed, by label; a run is its metrics, an iteration each.

    Returns:
        A figure with a panel a group: the mean over runs, and where there are several a band of its 95%
        Student-t interval.
    """
    figure = Figure(figsize=(6.4 * len(groups), 4), layout="constrained")
    panels = figure.subplots(1, len(groups), sharey=True, squeeze=False)[0]
    for panel, (label, runs) in zip(panels, groups.items(), strict=True):
        _draw_learning_curve(panel, runs)
        panel.set_title(f"{label} ({len(runs)} run{'s' if len(runs) > 1 else ''})")
    panels[0].set_ylabel("mean return")
    return figure


def _draw_learning_curve(panel: Axes, runs: Sequence[Sequence[Metrics]]) -> None:
    length = min(len(run) for run in runs)
    iterations = [int(row["iteration"]) for row in runs[0][:length]]
    names = [name for name in runs[0][0] if name.startswith(RETURN_PREFIX)]
    for name, color in zip(names, step_colors(len(names)), strict=True):
        values = np.array([[row[name] for row in run[:length]] for run in runs])
        steps = int(name.removeprefix(RETURN_PREFIX))
        panel.plot(iterations, values.mean(axis=0), color=color, label=_steps_label(steps))
        if len(runs) > 1:
            low, high = np.transpose([_interval(column) for column in values.T])
            panel.fill_between(iterations, low, high, color=color, alpha=0.2, linewidth=0)
    panel.set_xlabel("meta-iterations")
    panel.grid(alpha=0.3)
    panel.legend()


def adaptation_curves(groups: Mapping[str, Sequence[Mapping[str, Any]]]) -> Figure:
    """Draws the return on held-out tasks against gradient steps.

    Args:
        groups: Evaluations that differ only in their checkpoint, as `mamlrl evaluate --json` records them,
            by label.

    Returns:
        A figure with a line a group: the mean over checkpoints with its 95% interval, or over tasks where
        there is one checkpoint.
    """
    figure = Figure(figsize=(6.4, 4), layout="constrained")
    panel = figure.subplots()
    for label, records in groups.items():
        means = np.array([[row["mean"] for row in record["steps"]] for record in records])
        if len(records) > 1:
            low, high = np.transpose([_interval(column) for column in means.T])
        else:
            widths = np.array([row["interval_95"] or 0.0 for row in records[0]["steps"]])
            low, high = means[0] - widths, means[0] + widths
        mean = means.mean(axis=0)
        panel.errorbar(range(len(mean)), mean, [mean - low, high - mean], marker="o", capsize=3, label=label)
    panel.set_xlabel("gradient steps")
    panel.set_ylabel("mean return on held-out tasks")
    panel.xaxis.set_major_locator(MaxNLocator(integer=True))
    panel.grid(alpha=0.3)
    panel.legend()
    return figure


def navigation_paths(evaluation: Evaluation, episodes: int = 1) -> Figure:
    """Draws the paths of 2D navigation before adaptation and after each gradient step.

    Args:
        evaluation: On tasks whose parameters are goals in the plane, observations being positions.
        episodes: Paths drawn of each task and number of steps.

    Returns:
        A figure with a panel a task.

    Raises:
        UserError: If the evaluation is not of 2D navigation.
    """
    rollouts = evaluation.adapted.rollouts
    if evaluation.tasks.shape[1:] != (2,) or rollouts[0].observations.shape[-1] != 2:
        raise UserError(
            "paths can be drawn of 2D navigation only, where observations are positions and tasks goals"
        )
    columns = min(4, len(evaluation.tasks))
    rows = -(-len(evaluation.tasks) // columns)
    figure = Figure(figsize=(3.2 * columns, 3.2 * rows + 0.5), layout="constrained")
    panels = figure.subplots(rows, columns, squeeze=False, sharex=True, sharey=True).ravel()
    for index, (panel, goal) in enumerate(zip(panels, evaluation.tasks, strict=False)):
        for step, color in enumerate(step_colors(len(rollouts))):
            positions = rollouts[step].observations[index, :episodes].cpu().numpy()
            running = rollouts[step].mask[index, :episodes].cpu().numpy() > 0
            for path, kept in zip(positions, running, strict=True):
                panel.plot(*path[kept].T, color=color, linewidth=0.8, alpha=0.7, label=_steps_label(step))
        panel.plot(*goal, "*", color="red", markersize=12, zorder=3, label="goal")
        panel.set_aspect("equal")
    handles, labels = panels[0].get_legend_handles_labels()
    unique = dict(zip(labels, handles, strict=True))
    figure.legend(unique.values(), unique.keys(), loc="outside upper center", ncols=len(unique))
    return figure


def step_colors(count: int) -> list[tuple[float, float, float, float]]:
    """Returns a colour for each number of inner steps, from grey (none) along a sequential map."""
    sequence = colormaps["viridis"](np.linspace(0.1, 0.85, max(count - 1, 1)))
    return [(0.6, 0.6, 0.6, 1.0), *map(tuple, sequence)][:count]


def _steps_label(steps: int) -> str:
    return "before adaptation" if steps == 0 else f"after {steps} step{'s' if steps > 1 else ''}"


def _interval(values: np.ndarray) -> tuple[float, float]:
    mean, half_width = mean_interval(values)
    return mean - half_width, mean + half_width
