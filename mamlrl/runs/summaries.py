"""What people read when a run begins and when it is complete."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from datetime import timedelta
from math import isfinite
from pathlib import Path
from time import monotonic

import torch

from mamlrl.console import note
from mamlrl.experiments.imports import named_modules
from mamlrl.experiments.plain import plain_experiment
from mamlrl.learners.learner import Learner
from mamlrl.metric_names import ENV_STEPS, Metrics, headline, steps_of
from mamlrl.runs.callbacks import Callback


class RunSummary(Callback):
    """Says on standard error what is trained and where results go; at the end, what came out and what to do next.

    Of a run that is stopped before its end, nothing is said at the end.
    """

    def on_start(self, learner: Learner, folder: Path) -> None:
        """See `Callback.on_start`."""
        self._folder, self._began, self._metrics = folder, monotonic(), Metrics()
        config, summary = learner.config, learner.summary()
        if summary["device"] == "cpu":
            summary["device"] = f"cpu, {_count(torch.get_num_threads(), 'thread')}"
        done = f"{learner.iteration} of {config.iterations} done, seed {config.seed}"
        _print({**summary, "meta-iterations": done, "results": str(folder)})

    def on_iteration(self, learner: Learner, metrics: Metrics) -> None:
        """See `Callback.on_iteration`."""
        self._metrics = metrics or self._metrics

    def on_end(self, learner: Learner) -> None:
        """See `Callback.on_end`."""
        if learner.iteration < learner.config.iterations:
            return
        summary = {"complete": f"{learner.iteration} meta-iterations"}
        if self._metrics:
            summary["this took"] = str(timedelta(seconds=round(monotonic() - self._began)))
            summary |= _scores(self._metrics)
        if getattr(learner.config.evaluation, "every", 0) and isfinite(learner.best_score):
            summary["best validation"] = f"{learner.best_score:.4g}, of checkpoints/best.pt"
        modules = named_modules(plain_experiment(learner.config))
        allowed = ["--allow_import", ",".join(modules)] if modules else []
        command = shlex.join(["mamlrl", "evaluate", str(self._folder), *allowed])
        _print({**summary, "results": str(self._folder), "next": command})


def _scores(metrics: Metrics) -> dict[str, str]:
    """The last row in words."""
    metric = headline(metrics)
    steps = [
        f"{metrics[name]:.4g} after {_count(step, 'step')}" for step, name in steps_of(metric, metrics).items()
    ]
    scores = {f"last {metric}": ", ".join(steps)}
    if ENV_STEPS in metrics:
        scores["env steps"] = f"{int(metrics[ENV_STEPS]):,}"
    return scores


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"


def _print(summary: Mapping[str, str]) -> None:
    """Prints lines whose second columns are aligned."""
    width = max(map(len, summary))
    for name, text in summary.items():
        note(f"{name:<{width}}  {text}")
