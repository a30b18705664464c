"""Adaptation curves: what an evaluation reports against adaptation steps."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from mamlrl.figures.style import mean_band, metric_label, plain_text


def adaptation_curves(groups: Mapping[str, Sequence[Mapping[str, Any]]]) -> Figure:
    """Draws the return, or what is reported instead, on held-out tasks against adaptation steps.

    Args:
        groups: Evaluations that differ only in their checkpoint, as `mamlrl evaluate --json` records them,
            by label.

    Returns:
        A figure with one line per group: the mean over checkpoints with its 95% interval, or over tasks where
        there is one checkpoint.
    """
    figure = Figure(figsize=(6.4, 4), layout="constrained")
    panel = figure.subplots()
    for label, records in groups.items():
        mean, bars = means_and_bars(records)
        panel.errorbar(range(len(mean)), mean, bars, marker="o", capsize=3, label=plain_text(label))
    metric = next(iter(groups.values()))[0].get("metric", "return")
    panel.set_xlabel("adaptation steps")
    panel.set_ylabel(f"{plain_text(metric_label(metric))} on held-out tasks")
    panel.xaxis.set_major_locator(MaxNLocator(integer=True))
    panel.grid(alpha=0.3)
    panel.legend(title=intervals_over(groups.values()))
    return figure


def means_and_bars(records: Sequence[Mapping[str, Any]]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Returns what to draw of evaluations that differ only in their checkpoint.

    Args:
        records: As `mamlrl evaluate --json` records them.

    Returns:
        Means after 0, 1, ... steps, shape (step + 1,), and how far their 95% intervals reach below and above,
        shape (2, step + 1): over checkpoints, or over tasks where there is one checkpoint.
    """
    means = np.array([[row["mean"] for row in record["steps"]] for record in records])
    mean = means.mean(axis=0)
    if len(records) > 1:
        low, high = mean_band(means)
    else:
        widths = np.array([row["interval_95"] or 0.0 for row in records[0]["steps"]])
        low, high = means[0] - widths, means[0] + widths
    return mean, np.stack([mean - low, high - mean])


def intervals_over(groups: Iterable[Sequence[Mapping[str, Any]]]) -> str:
    """Says what the error bars are over, which depends on how many checkpoints a line has."""
    counts = [len(records) for records in groups]
    over_checkpoints = f"95% intervals over {'/'.join(map(str, sorted({n for n in counts if n > 1})))} checkpoints"
    if max(counts) == 1:
        return "95% intervals over tasks"
    return f"{over_checkpoints}; of 1, over tasks" if min(counts) == 1 else over_checkpoints
