"""Learning curves: what a training run reports against meta-iterations."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from mamlrl.figures.style import columns_of, mean_band, metric_label, plain_text, step_colors
from mamlrl.metric_names import ITERATION, Metrics, headline


def learning_curves(groups: Mapping[str, Sequence[Sequence[Metrics]]], metric: str | None = None) -> Figure:
    """Draws the return, or another metric, after each number of inner steps against meta-iterations.

    Args:
        groups: Runs that differ only in their seed, by label; a run is the rows of its metrics.
        metric: What to draw, see `columns_of`; by default, what the runs report first.

    Returns:
        A figure with one panel per group: the mean over runs and, where there are several, a band of its 95%
        Student-t interval. Where some runs have ended, the others go on, and the title says how many they are.
    """
    metric = metric or headline(next(iter(groups.values()))[0][0])
    figure = Figure(figsize=(6.4 * len(groups), 4), layout="constrained")
    panels = figure.subplots(1, len(groups), sharey=True, squeeze=False)[0]
    for panel, (label, runs) in zip(panels, groups.items(), strict=True):
        _draw_runs(panel, runs, metric)
        panel.set_title(_title(label, runs))
    panels[0].set_ylabel(plain_text(metric_label(metric)))
    return figure


def _draw_runs(panel: Axes, runs: Sequence[Sequence[Metrics]], metric: str) -> None:
    columns = columns_of(metric, runs[0][0])
    for (label, name), color in zip(columns.items(), step_colors(len(columns)), strict=True):
        rows = (row for run in runs for row in run if np.isfinite(row[name]))
        iterations = sorted({int(row[ITERATION]) for row in rows})
        values = _values(runs, name, iterations)
        panel.plot(iterations, np.nanmean(values, axis=0), color=color, label=label)
        several = np.isfinite(values).sum(axis=0) > 1
        if several.any():
            low, high = np.full((2, len(iterations)), np.nan)
            low[several], high[several] = mean_band(values[:, several])
            panel.fill_between(iterations, low, high, color=color, alpha=0.2, linewidth=0)
    panel.set_xlabel("meta-iterations")
    panel.grid(alpha=0.3)
    panel.legend()


def _values(runs: Sequence[Sequence[Metrics]], name: str, iterations: Sequence[int]) -> NDArray[np.float64]:
    """A metric, shape (run, iteration), NaN where a run has no row."""
    rows = [{int(row[ITERATION]): row[name] for row in run} for run in runs]
    return np.array([[run.get(iteration, np.nan) for iteration in iterations] for run in rows])


def _title(label: str, runs: Sequence[Sequence[Metrics]]) -> str:
    """Says how many runs there are, and from where on there are fewer."""
    ends = sorted({int(run[-1][ITERATION]) for run in runs})
    left = [f"{sum(run[-1][ITERATION] > end for run in runs)} after iteration {end}" for end in ends[:-1]]
    counts = [f"{len(runs)} run{'s' if len(runs) > 1 else ''}", *left]
    return f"{plain_text(label)} ({', '.join(counts)})"
