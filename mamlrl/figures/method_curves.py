"""Several methods in one axis, as in Figures 3 to 5 of Finn et al. 2017: adaptation, and learning."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import cycle
from typing import Any, NamedTuple

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from mamlrl.figures.style import mean_band, metric_label, plain_text
from mamlrl.metric_names import ENV_STEPS, ITERATION, Metrics, headline, steps_of

MARKERS, LINES = "osD^vP*X<>hdp", ("-", "--", "-.", ":")
COLORS = [*range(0, 20, 2), *range(1, 20, 2)]  # of the map tab20: strong ones first
MARKED = 12  # places of a learning curve that have a marker


class Curve(NamedTuple):
    """A line with a band.

    Attributes:
        label: What the legend calls it.
        x: Shape (point,).
        mean: Shape (point,).
        low: Lower end of the band, shape (point,); NaN where there is none.
        high: Upper end of the band, shape (point,).
    """

    label: str
    x: NDArray[np.float64]
    mean: NDArray[np.float64]
    low: NDArray[np.float64]
    high: NDArray[np.float64]


def adaptation_curve(label: str, means: Sequence[float], widths: Sequence[float | None]) -> Curve:
    """Returns the curve of a method over adaptation steps.

    Args:
        label: What the legend calls it.
        means: After 0, 1, ... steps.
        widths: Half widths of the intervals around them; None where there is none.
    """
    mean = np.array(means, np.float64)
    width = np.array([np.nan if each is None else each for each in widths], np.float64)
    return Curve(label, np.arange(len(mean), dtype=np.float64), mean, mean - width, mean + width)


def learning_curve(label: str, runs: Sequence[Sequence[Metrics]]) -> Curve:
    """Returns the curve of a method over environment steps, or meta-iterations where there are no such steps.

    Args:
        label: What the legend calls it.
        runs: Rows of metrics of runs that differ in their seed. Drawn is the metric to show first, after all inner
            steps of training, up to where the first run ends; its band is the 95% interval over runs.
    """
    length = min(map(len, runs))
    name = list(steps_of(headline(runs[0][0]), runs[0][0]).values())[-1]
    x_name = ENV_STEPS if ENV_STEPS in runs[0][0] else ITERATION
    x, values = (np.array([[row[key] for row in run[:length]] for run in runs]) for key in (x_name, name))
    nothing = np.full(length, np.nan)
    low, high = mean_band(values) if len(runs) > 1 else (nothing, nothing)
    return Curve(label, x.mean(axis=0), values.mean(axis=0), low, high)


def adaptation_figure(
    curves: Sequence[Curve],
    order: Sequence[str],
    published: Mapping[str, Mapping[int, float]],
    metric: str,
    intervals: str,
) -> Figure:
    """Draws what methods report on held-out tasks against adaptation steps.

    Args:
        curves: From `adaptation_curve`; one that ends before its first step, such as an oracle's, becomes a
            horizontal line.
        order: All labels that there may be, for each to have the same colour in every figure.
        published: Published means by number of steps, by label; drawn without lines.
        metric: Name of the metric.
        intervals: What the bands are, for the legend.
    """
    figure, panel = _axes()
    longest = max(curve.x[-1] for curve in curves)
    for curve in curves:
        style = _style(order.index(curve.label))
        flat = Curve(curve.label, np.array([0.0, longest]), *(np.repeat(values, 2) for values in curve[2:]))
        _draw(panel, flat if len(curve.x) == 1 else curve, style)
    for (label, values), marker in zip(published.items(), cycle(MARKERS), strict=False):
        hollow: dict[str, Any] = {"marker": marker, "markersize": 9, "markerfacecolor": "none", "color": "black"}
        panel.plot(list(values), list(values.values()), linestyle="none", label=plain_text(label), **hollow)
    panel.set_xlabel("gradient steps")
    panel.set_ylabel(f"{metric_label(metric)} on held-out tasks")
    panel.xaxis.set_major_locator(MaxNLocator(integer=True))
    figure.legend(title=intervals, loc="outside right upper", fontsize="small", handlelength=3)
    return figure


def learning_figure(curves: Sequence[Curve], order: Sequence[str], metric: str, of_env_steps: bool) -> Figure:
    """Draws what methods report in training, after their inner steps.

    Args:
        curves: From `learning_curve`.
        order: See `adaptation_figure`.
        metric: Name of the metric.
        of_env_steps: Whether curves are over environment steps, rather than meta-iterations.
    """
    figure, panel = _axes()
    for curve in curves:
        _draw(panel, curve, {**_style(order.index(curve.label)), "markevery": max(1, len(curve.x) // MARKED)})
    panel.set_xlabel("environment steps" if of_env_steps else "meta-iterations")
    panel.set_ylabel(f"{metric_label(metric)} in training, after adaptation")
    bands = any(np.isfinite(curve.low).any() for curve in curves)
    title = "95% intervals over seeds" if bands else None
    figure.legend(title=title, loc="outside right upper", fontsize="small", handlelength=3)
    return figure


def _axes() -> tuple[Figure, Axes]:
    figure = Figure(figsize=(8.4, 4.6), layout="constrained")
    panel = figure.subplots()
    panel.grid(alpha=0.3)
    return figure, panel


def _style(index: int) -> dict[str, Any]:
    """Returns a colour, a marker and a line that can be told apart where curves lie over one another."""
    color = colormaps["tab20"](COLORS[index % len(COLORS)])
    return {"marker": MARKERS[index % len(MARKERS)], "linestyle": LINES[index % len(LINES)], "color": color}


def _draw(panel: Axes, curve: Curve, style: Mapping[str, Any]) -> None:
    panel.plot(curve.x, curve.mean, label=plain_text(curve.label), markersize=5, linewidth=1.4, **style)
    if np.isfinite(curve.low).any():
        panel.fill_between(curve.x, curve.low, curve.high, color=style["color"], alpha=0.15, linewidth=0)
