"""Paths of 2D navigation before adaptation and after each gradient step."""

from __future__ import annotations

from matplotlib.figure import Figure

from mamlrl.evaluation.evaluation import Paths
from mamlrl.figures.style import add_legend, step_colors, steps_label, task_panels


def navigation_paths(paths: Paths, episodes: int = 1) -> Figure:
    """Draws paths before adaptation and after each gradient step.

    Args:
        paths: Paths from `Evaluation.paths`.
        episodes: Number of paths drawn for each task and number of steps.

    Returns:
        A figure with one panel per task.
    """
    figure, panels = task_panels(len(paths.goals))
    colors = step_colors(len(paths.positions))
    for task, (panel, goal) in enumerate(zip(panels, paths.goals, strict=False)):
        for step, (positions, masks) in enumerate(zip(paths.positions, paths.masks, strict=True)):
            for path, running in zip(positions[task, :episodes], masks[task, :episodes], strict=True):
                style = {"color": colors[step], "linewidth": 0.8, "alpha": 0.7}
                panel.plot(*path[running].T, **style, label=steps_label(step))
        panel.plot(*goal, "*", color="red", markersize=12, zorder=3, label="goal")
        panel.set_aspect("equal")
    add_legend(figure, panels[0])
    return figure
