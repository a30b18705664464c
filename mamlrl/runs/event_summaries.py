"""What a run's TensorBoard events hold beside its metrics: its settings, and its scores by its settings."""

from __future__ import annotations

from collections.abc import Sequence
from math import isfinite, nan
from pathlib import Path
from typing import Any

import yaml

from mamlrl.experiments.differences import leaves
from mamlrl.experiments.experiment import Experiment
from mamlrl.experiments.plain import plain_experiment
from mamlrl.learners.learner import Learner
from mamlrl.metric_names import VALIDATION, Metrics, grouped, headline, steps_of
from mamlrl.runs.callbacks import Callback
from mamlrl.runs.event_file import append_events
from mamlrl.runs.metrics_file import EVENTS, METRICS, read_metrics


class EventSummaries(Callback):
    """Writes the config when a run begins, and its hyperparameters and scores, to compare runs by, when it ends.

    Scores are the last that were measured: TensorBoard takes the last value of each metric.
    """

    def on_start(self, learner: Learner, folder: Path) -> None:
        """See `Callback.on_start`."""
        from torch.utils.tensorboard.summary import text  # noqa: PLC0415 (takes long)

        self._folder = folder
        lines = yaml.safe_dump(plain_experiment(learner.config), sort_keys=False).splitlines()
        verbatim = "\n".join(f"    {line}" for line in lines)  # in TensorBoard's Markdown
        append_events(folder / EVENTS, learner.iteration, [text("config", verbatim)])

    def on_end(self, learner: Learner) -> None:
        """See `Callback.on_end`."""
        from torch.utils.tensorboard.summary import hparams  # noqa: PLC0415

        rows = read_metrics(self._folder / METRICS)
        if rows:
            metric = headline(rows[-1])
            names = [*steps_of(metric, rows[-1]).values(), *steps_of(VALIDATION + metric, rows[-1]).values()]
            scores = {grouped(name): last for name in names if isfinite(last := _last(rows, name))}
            summaries = hparams(hyperparameters(learner.config), scores)
            append_events(self._folder / EVENTS, learner.iteration, summaries)


def _last(rows: Sequence[Metrics], name: str) -> float:
    """The last value that a metric has; NaN for none."""
    return next((row[name] for row in reversed(rows) if isfinite(row[name])), nan)


def hyperparameters(experiment: Experiment) -> dict[str, Any]:
    """Returns the settings of an experiment by dotted key, those left out that are null; lists become text."""
    settings = leaves(plain_experiment(experiment))
    return {
        key: value if isinstance(value, bool | int | float) else str(value)
        for key, value in settings
        if value is not None
    }
