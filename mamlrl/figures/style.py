"""What figures have in common: labels, colours, panels, legends, intervals."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from mamlrl.evaluation.evaluation import mean_interval
from mamlrl.metric_names import VALIDATION, steps_of

METRIC_LABELS = {"return": "mean return", "mse": "mean squared error"}


def metric_label(metric: str) -> str:
    """Returns what to call a metric that is averaged over tasks or runs."""
    name = metric.removeprefix(VALIDATION)
    return METRIC_LABELS.get(name, name) + (" on validation tasks" if name != metric else "")


def plain_text(text: str) -> str:
    """Returns a name, such as a file's, as Matplotlib can draw it: no formula, nothing unprintable."""
    shown = "".join(character if character.isprintable() else "?" for character in text)
    return f" {shown}".replace("$", r"\$") if shown.startswith("_") else shown.replace("$", r"\$")


def steps_label(steps: int) -> str:
    """Says how many gradient steps a policy was adapted by."""
    return "before adaptation" if steps == 0 else f"after {steps} step{'s' if steps > 1 else ''}"


def columns_of(metric: str, names: Iterable[str]) -> dict[str, str]:
    """Returns the columns of a metric by what a legend calls them: a column for each number of steps, or one."""
    names = list(names)
    columns = {steps_label(steps): name for steps, name in steps_of(metric, names).items()}
    return columns or {metric: metric}


def step_colors(count: int) -> list[tuple[float, float, float, float]]:
    """Returns a colour for each number of inner steps, from grey (none) along a sequential map."""
    sequence = colormaps["viridis"](np.linspace(0.1, 0.85, max(count - 1, 1)))
    return [(0.6, 0.6, 0.6, 1.0), *map(tuple, sequence)][:count]


def task_panels(count: int) -> tuple[Figure, NDArray[np.object_]]:
    """Returns a figure and its panels, at least `count` of them, four to a row."""
    columns = min(4, count)
    rows = -(-count // columns)
    figure = Figure(figsize=(3.2 * columns, 3.2 * rows + 0.5), layout="constrained")
    return figure, figure.subplots(rows, columns, squeeze=False, sharex=True, sharey=True).ravel()


def add_legend(figure: Figure, panel: Axes) -> None:
    """Adds a legend above all panels, with each label of one of them once."""
    handles, labels = panel.get_legend_handles_labels()
    unique = dict(zip(labels, handles, strict=True))
    figure.legend(unique.values(), unique.keys(), loc="outside upper center", ncols=len(unique))


def mean_band(values: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Returns the ends of the 95% Student-t interval of the mean over runs.

    Args:
        values: Shape (run, point); NaN where a run has no value.

    Returns:
        Low and high ends, each of shape (point,).
    """
    means, half_widths = np.transpose([mean_interval(column[np.isfinite(column)]) for column in values.T])
    return means - half_widths, means + half_widths
