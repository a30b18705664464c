"""What a network that maps numbers to numbers gives before adaptation and after some steps."""

from __future__ import annotations

from matplotlib.figure import Figure

from mamlrl.evaluation.evaluation import Fits
from mamlrl.figures.style import add_legend, step_colors, steps_label, task_panels


def regression_fits(fits: Fits) -> Figure:
    """Draws functions and what a network gives for them before adaptation and after some steps.

    Args:
        fits: Fits from `Evaluation.fits`; the query examples should trace the functions.

    Returns:
        A figure with one panel per task.
    """
    figure, panels = task_panels(len(fits.query_inputs))
    colors = step_colors(len(fits.outputs))
    for task, (panel, inputs) in enumerate(zip(panels, fits.query_inputs, strict=False)):
        order = inputs.argsort()
        panel.plot(inputs[order], fits.query_targets[task, order], "r-", linewidth=1, label="truth")
        for (step, outputs), color in zip(fits.outputs.items(), colors, strict=True):
            panel.plot(inputs[order], outputs[task, order], "--", color=color, label=steps_label(step))
        panel.plot(fits.support_inputs[task], fits.support_targets[task], "k^", label="examples")
        panel.grid(alpha=0.3)
    add_legend(figure, panels[0])
    return figure
