"""What meta-gradients cost and how exact they are, estimator by estimator."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import cycle

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from mamlrl.benchmarks.comparison import Measurement

STYLES = ("C0-o", "C1--s", "C2:^", "C3-.v")
QUANTITIES = {
    "relative_error": "relative error of the meta-gradient",
    "peak_memory_mib": "peak memory, MiB",
    "seconds": "time, s",
}


def comparison(measurements: Sequence[Measurement], title: str) -> Figure:
    """Draws error, peak memory and time of meta-gradients.

    Args:
        measurements: Measurements of all estimators.
        title: What they were measured on.

    Returns:
        A figure with a row of panels against inner steps and, where iterations of conjugate gradient were
        varied, a row against them.
    """
    rows = _rows(measurements)
    figure = Figure(figsize=(12, 3.6 * len(rows)), layout="constrained")
    figure.suptitle(title)
    panels = figure.subplots(len(rows), len(QUANTITIES), squeeze=False, sharey="col")
    estimators = list(dict.fromkeys(m.estimator for m in measurements))
    for (label, abscissa, chosen), row in zip(rows, panels, strict=True):
        for (quantity, name), panel in zip(QUANTITIES.items(), row, strict=True):
            for style, estimator in zip(cycle(STYLES), estimators, strict=False):
                of_one = [m for m in chosen if m.estimator == estimator]
                _draw_measurements(panel, of_one, abscissa, quantity, style)
            panel.set_xlabel(label)
            panel.set_ylabel(name)
    panels[0][0].legend()
    return figure


def _rows(measurements: Sequence[Measurement]) -> list[tuple[str, str, list[Measurement]]]:
    """Label and attribute of each row's abscissa, and the measurements in it."""
    iterations = [m.cg_iterations for m in measurements if m.cg_iterations is not None]
    usual = iterations[0] if iterations else None
    most = max(m.gradient_steps for m in measurements)
    rows = [("inner steps", "gradient_steps", [m for m in measurements if m.cg_iterations in (None, usual)])]
    if len(set(iterations)) > 1:
        varied = [m for m in measurements if m.cg_iterations is not None and m.gradient_steps == most]
        rows.append((f"CG iterations, {most} inner steps", "cg_iterations", varied))
    return rows


def _draw_measurements(
    panel: Axes, chosen: Sequence[Measurement], abscissa: str, quantity: str, style: str
) -> None:
    """Draws the measurements of one estimator, if there are any."""
    if not chosen:
        return
    points = sorted((getattr(m, abscissa), getattr(m, quantity)) for m in chosen)
    x, y = zip(*points, strict=True)
    panel.loglog(x, y, style, markerfacecolor="none", label=chosen[0].estimator)
    panel.set_xticks(x, list(map(str, x)))
    panel.minorticks_off()
    panel.grid(alpha=0.3)
