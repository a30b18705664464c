"""Figures: learning curves, adaptation curves, 2D navigation paths, fits of curves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import cycle
from typing import Any

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from mamlrl.benchmarks.comparison import Measurement
from mamlrl.errors import UserError
from mamlrl.evaluation.evaluation import Evaluation, mean_interval
from mamlrl.evaluation.policy import PolicyEvaluation
from mamlrl.evaluation.supervised import SupervisedEvaluation
from mamlrl.runs.metrics_file import Metrics, headline

LABELS = {"return": "mean return", "mse": "mean squared error"}
STYLES = ("C0-o", "C1--s", "C2:^", "C3-.v")
QUANTITIES = {
    "relative_error": "relative error of the meta-gradient",
    "peak_memory_mib": "peak memory, MiB",
    "seconds": "time, s",
}


def learning_curves(groups: Mapping[str, Sequence[Sequence[Metrics]]]) -> Figure:
    """Draws the return, or what is reported instead, after each number of inner steps against meta-iterations.

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
    metric = headline(next(iter(groups.values()))[0][0])
    panels[0].set_ylabel(LABELS.get(metric, metric))
    return figure


def _draw_learning_curve(panel: Axes, runs: Sequence[Sequence[Metrics]]) -> None:
    length = min(len(run) for run in runs)
    iterations = [int(row["iteration"]) for row in runs[0][:length]]
    prefix = f"{headline(runs[0][0])}/step_"
    names = [name for name in runs[0][0] if name.startswith(prefix)]
    for name, color in zip(names, step_colors(len(names)), strict=True):
        values = np.array([[row[name] for row in run[:length]] for run in runs])
        steps = int(name.removeprefix(prefix))
        panel.plot(iterations, values.mean(axis=0), color=color, label=steps_label(steps))
        if len(runs) > 1:
            low, high = np.transpose([_interval(column) for column in values.T])
            panel.fill_between(iterations, low, high, color=color, alpha=0.2, linewidth=0)
    panel.set_xlabel("meta-iterations")
    panel.grid(alpha=0.3)
    panel.legend()


def adaptation_curves(groups: Mapping[str, Sequence[Mapping[str, Any]]]) -> Figure:
    """Draws the return, or what is reported instead, on held-out tasks against adaptation steps.

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
    metric = next(iter(groups.values()))[0].get("metric", "return")
    panel.set_xlabel("adaptation steps")
    panel.set_ylabel(f"{LABELS.get(metric, metric)} on held-out tasks")
    panel.xaxis.set_major_locator(MaxNLocator(integer=True))
    panel.grid(alpha=0.3)
    panel.legend()
    return figure


def comparison(measurements: Sequence[Measurement], title: str) -> Figure:
    """Draws error, peak memory and time of meta-gradients.

    Args:
        measurements: Of the estimators.
        title: What they were measured on.

    Returns:
        A figure with a row of panels against inner steps, and where iterations of conjugate gradient were
        varied a row against them.
    """
    iterations = [m.cg_iterations for m in measurements if m.cg_iterations is not None]
    usual = iterations[0] if iterations else None
    most = max(m.gradient_steps for m in measurements)
    rows = [("inner steps", "gradient_steps", [m for m in measurements if m.cg_iterations in (None, usual)])]
    if len(set(iterations)) > 1:
        varied = [m for m in measurements if m.cg_iterations is not None and m.gradient_steps == most]
        rows.append((f"CG iterations, {most} inner steps", "cg_iterations", varied))
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


def _draw_measurements(
    panel: Axes, chosen: Sequence[Measurement], abscissa: str, quantity: str, style: str
) -> None:
    """Draws those of one estimator, if there are any."""
    if not chosen:
        return
    points = sorted((getattr(m, abscissa), getattr(m, quantity)) for m in chosen)
    x, y = zip(*points, strict=True)
    panel.loglog(x, y, style, markerfacecolor="none", label=chosen[0].estimator)
    panel.set_xticks(x, list(map(str, x)))
    panel.minorticks_off()
    panel.grid(alpha=0.3)


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
    if not isinstance(evaluation, PolicyEvaluation) or not _is_navigation(evaluation):
        raise UserError(
            "paths can be drawn of 2D navigation only, where observations are positions and tasks goals"
        )
    rollouts = evaluation.adapted.rollouts
    figure, panels = _panels_of_tasks(len(evaluation.tasks))
    for index, (panel, goal) in enumerate(zip(panels, evaluation.tasks, strict=False)):
        for step, color in enumerate(step_colors(len(rollouts))):
            positions = rollouts[step].observations[index, :episodes].cpu().numpy()
            running = rollouts[step].mask[index, :episodes].cpu().numpy() > 0
            for path, kept in zip(positions, running, strict=True):
                panel.plot(*path[kept].T, color=color, linewidth=0.8, alpha=0.7, label=steps_label(step))
        panel.plot(*goal, "*", color="red", markersize=12, zorder=3, label="goal")
        panel.set_aspect("equal")
    _add_legend(figure, panels[0])
    return figure


def _is_navigation(evaluation: PolicyEvaluation) -> bool:
    positions = evaluation.adapted.rollouts[0].observations
    return evaluation.tasks.shape[1:] == (2,) and positions.shape[-1] == 2


def regression_fits(evaluation: Evaluation) -> Figure:
    """Draws what a network that maps numbers to numbers gives before adaptation and after some steps.

    Args:
        evaluation: On tasks whose query examples trace the function that is to be learned.

    Returns:
        A figure with a panel a task.

    Raises:
        UserError: If the evaluation is not of such a network.
    """
    if not isinstance(evaluation, SupervisedEvaluation) or not _is_curve_fitting(evaluation):
        raise UserError("fits can be drawn of regression from one number only, such as data.dataset sinusoid")
    last = len(evaluation.step_scales)
    steps = sorted({0, 1, last} & set(range(last + 1)))
    query = evaluation.examples.query
    fits = [evaluation.network(evaluation.params(step), query.observations) for step in steps]
    figure, panels = _panels_of_tasks(len(query))
    for task, panel in enumerate(panels[: len(query)]):
        order = query.observations[task, :, 0].argsort()
        x, y = (numbers[task, order, 0].cpu() for numbers in (query.observations, query.targets))
        panel.plot(x, y, "r-", linewidth=1, label="truth")
        for step, fit, color in zip(steps, fits, step_colors(len(steps)), strict=True):
            panel.plot(x, fit[task, order, 0].cpu(), "--", color=color, label=steps_label(step))
        support = evaluation.examples.support
        panel.plot(support.observations[task].cpu(), support.targets[task].cpu(), "k^", label="examples")
        panel.grid(alpha=0.3)
    _add_legend(figure, panels[0])
    return figure


def _is_curve_fitting(evaluation: SupervisedEvaluation) -> bool:
    query = evaluation.examples.query
    return query.observations.shape[2:] == query.targets.shape[2:] == (1,)


def _panels_of_tasks(count: int) -> tuple[Figure, NDArray[np.object_]]:
    """A figure with at least `count` panels, four to a row."""
    columns = min(4, count)
    rows = -(-count // columns)
    figure = Figure(figsize=(3.2 * columns, 3.2 * rows + 0.5), layout="constrained")
    return figure, figure.subplots(rows, columns, squeeze=False, sharex=True, sharey=True).ravel()


def _add_legend(figure: Figure, panel: Axes) -> None:
    """A legend above all panels, with each label of one of them once."""
    handles, labels = panel.get_legend_handles_labels()
    unique = dict(zip(labels, handles, strict=True))
    figure.legend(unique.values(), unique.keys(), loc="outside upper center", ncols=len(unique))


def step_colors(count: int) -> list[tuple[float, float, float, float]]:
    """Returns a colour for each number of inner steps, from grey (none) along a sequential map."""
    sequence = colormaps["viridis"](np.linspace(0.1, 0.85, max(count - 1, 1)))
    return [(0.6, 0.6, 0.6, 1.0), *map(tuple, sequence)][:count]


def steps_label(steps: int) -> str:
    """Says how many gradient steps a policy was adapted by."""
    return "before adaptation" if steps == 0 else f"after {steps} step{'s' if steps > 1 else ''}"


def _interval(values: np.ndarray) -> tuple[float, float]:
    mean, half_width = mean_interval(values)
    return mean - half_width, mean + half_width
