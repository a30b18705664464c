"""Shot curves: what an evaluation reports against the number of episodes, or examples, that were adapted on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from mamlrl.figures.adaptation_curves import intervals_over, means_and_bars
from mamlrl.figures.style import metric_label, plain_text, step_colors, steps_label

SHOTS = {"env": "episodes to adapt on, in every step", "dataset": "examples to adapt on"}  # by a key of each kind


def shot_curves(groups: Mapping[str, Mapping[int, Sequence[Mapping[str, Any]]]]) -> Figure:
    """Draws the return, or what is reported instead, on held-out tasks against the number of shots.

    Args:
        groups: Evaluations by label and by number of shots, as `mamlrl evaluate --shots --json` records them;
            those of one number of shots differ only in their checkpoint.

    Returns:
        A figure with a panel for each label and a line for each number of adaptation steps: the mean over
        checkpoints with its 95% interval, or over tasks where there is one checkpoint.
    """
    figure = Figure(figsize=(1.4 + 5 * len(groups), 4), layout="constrained")
    panels = figure.subplots(1, len(groups), squeeze=False, sharey=True)[0]
    for panel, (label, by_shots) in zip(panels, groups.items(), strict=True):
        shots = sorted(by_shots)
        drawn = [means_and_bars(by_shots[count]) for count in shots]
        means, bars = np.stack([mean for mean, _ in drawn], axis=1), np.stack([each for _, each in drawn], axis=2)
        for step, color in enumerate(step_colors(len(means))):
            style = {"marker": "o", "capsize": 3, "color": color, "label": steps_label(step)}
            panel.errorbar(shots, means[step], bars[:, step], **style)
        first = by_shots[shots[0]][0]
        panel.set_title(plain_text(label))
        panel.set_xlabel(next((text for key, text in SHOTS.items() if key in first), "shots"))
        panel.set_xticks(shots)
        panel.grid(alpha=0.3)
        panel.legend(title=intervals_over(by_shots.values()))
    panels[0].set_ylabel(f"{plain_text(metric_label(first.get('metric', 'return')))} on held-out tasks")
    return figure
