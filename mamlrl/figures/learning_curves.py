"""Learning curves: what a training run reports against meta-iterations."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from mamlrl.figures.style import mean_band, metric_label, step_colors, steps_label
from mamlrl.metric_names import ITERATION, Metrics, headline, steps_of


def learning_curves(groups: Mapping[str, Sequence[Sequence[Metrics]]]) -> Figure:
    """Draws the return, or what is reported instead, after each number of inner steps against meta-iterations.

    Args:
        groups: Runs that differ only in their seed, by label; a run is the rows of its metrics.

    Returns:
        A figure with one panel per group: the mean over runs and, where there are several, a band of its 95%
        Student-t interval.
    """
    figure = Figure(figsize=(6.4 * len(groups), 4), layout="constrained")
    panels = figure.subplots(1, len(groups), sharey=True, squeeze=False)[0]
    for panel, (label, runs) in zip(panels, groups.items(), strict=True):
        _draw_runs(panel, runs)
        panel.set_title(f"{label} ({len(runs)} run{'s' if len(runs) > 1 else ''})")
    panels[0].set_ylabel(metric_label(headline(next(iter(groups.values()))[0][0])))
    return figure


def _draw_runs(panel: Axes, runs: Sequence[Sequence[Metrics]]) -> None:
    length = min(len(run) for run in runs)
    iterations = [int(row[ITERATION]) for row in runs[0][:length]]
    names = steps_of(headline(runs[0][0]), runs[0][0])
    for (steps, name), color in zip(names.items(), step_colors(len(names)), strict=True):
        values = np.array([[row[name] for row in run[:length]] for run in runs])
        panel.plot(iterations, values.mean(axis=0), color=color, label=steps_label(steps))
        if len(runs) > 1:
            panel.fill_between(iterations, *mean_band(values), color=color, alpha=0.2, linewidth=0)
    panel.set_xlabel("meta-iterations")
    panel.grid(alpha=0.3)
    panel.legend()
