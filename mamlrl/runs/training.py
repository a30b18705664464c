"""Meta-training as a run that survives: a folder with config, metrics and checkpoints, resumable at any time."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from tqdm import tqdm

from mamlrl.console import Stream, is_terminal
from mamlrl.distributed.exchange import check_same, from_first, meet
from mamlrl.distributed.joining import joined
from mamlrl.distributed.team import is_first
from mamlrl.errors import RunError, UserError
from mamlrl.experiments.build import check_kind
from mamlrl.experiments.differences import leaves
from mamlrl.experiments.experiment import Experiment
from mamlrl.experiments.plain import plain_experiment
from mamlrl.files import AnyPath
from mamlrl.learners.build import make_learner
from mamlrl.learners.learner import Learner, Report
from mamlrl.metric_names import KL, VALIDATION, Metrics, headline, steps_of
from mamlrl.runs.callbacks import Callback, check_callbacks, tell, told
from mamlrl.runs.checkpoints import save_checkpoint
from mamlrl.runs.event_summaries import EventSummaries
from mamlrl.runs.metrics_file import CHECKSUM, MetricsWriter
from mamlrl.runs.run_folder import check_holds_run, check_is_free, locked, run_folder, write_config
from mamlrl.runs.saved import best_checkpoint, kept_checkpoint, latest_checkpoint
from mamlrl.runs.starting_point import restore, take_parameters
from mamlrl.runs.stop_signals import stop_signals

ASKED = 1  # to stop, by a callback; signals that do have larger numbers


def train(
    config: Experiment,
    folder: AnyPath,
    resume: bool = False,
    init_from: AnyPath | None = None,
    callbacks: Sequence[Callback] = (),
) -> int:
    """Meta-trains until `config.iterations`, a callback asks to stop, or, in the main thread, SIGINT or SIGTERM.

    Args:
        config: The experiment.
        folder: Where the run is kept.
        resume: Whether to continue the run that the folder holds.
        init_from: Checkpoint, or run folder, to begin a new run from with its parameters alone.
        callbacks: Told of the start, every meta-iteration, checkpoints and the end, in this order.

    Returns:
        The number of the signal that stopped the run, or 0 if it is complete, or a callback stopped it.

    Raises:
        UserError: If the folder cannot be used or the experiment cannot be run; nothing is lost.
        CallbackError: If a callback raises; the last checkpoint is kept.
    """
    folder, callbacks = run_folder(folder), (EventSummaries(), *check_callbacks(callbacks))
    check_kind(config)
    with joined():
        settings = {"resume": resume, **dict(leaves(plain_experiment(config)))}
        check_same(settings, "start all processes with the same settings")
        if not is_first():
            return _follow(config)
        check = check_holds_run if resume else check_is_free
        check(folder)
        if resume and init_from is not None:
            raise UserError("init_from begins a new run; choose another --output, or leave --resume out")
        learner = make_learner(config)
        if init_from is not None:
            take_parameters(learner, Path(init_from))
        with locked(folder):
            check(folder)  # another process may have trained here while the learner was built
            return _train(learner, folder, restore(learner, folder) if resume else None, callbacks)


def _follow(config: Experiment) -> int:
    """Trains beside the first process, which alone writes and tells."""
    learner = make_learner(config)
    learner.load_state_dict(from_first({}))
    return _Run(learner).train()


def _train(learner: Learner, folder: Path, resumed: dict[str, Any] | None, callbacks: Sequence[Callback]) -> int:
    """Trains from the state of the checkpoint that was resumed, or from the beginning."""
    from_first(learner.state_dict())
    latest, checksum = latest_checkpoint(folder), None
    if resumed is None:  # first of all, so that what lies beside a checkpoint is of a run of ours
        save_checkpoint(latest, learner.config, learner.state_dict())
    else:
        checksum = resumed.get(CHECKSUM)
    writer = MetricsWriter(folder, learner.iteration, learner.config.save_every, checksum)
    run = _RecordedRun(learner, folder, writer, callbacks)
    try:
        write_config(folder, learner.config)
        with told(callbacks, learner, folder):
            if resumed is not None:
                run.save_latest()
            return run.train()
    except RunError as error:
        raise type(error)(f"{error}; the last checkpoint is kept, {latest}") from error
    finally:
        writer.close()


@dataclass(frozen=True)
class _Run:
    """A learner that trains, of which nobody hears."""

    learner: Learner

    def train(self) -> int:
        """Trains until the run is complete or stopped; returns the number of the signal that stopped it, or 0."""
        learner, total = self.learner, self.learner.config.iterations
        interval = 0.5 if is_terminal(sys.stderr) else 30.0
        bar = {"unit": "it", "mininterval": interval, "file": cast(Any, Stream(sys.stderr))}
        bar["disable"] = not is_first()
        with stop_signals() as received, tqdm(total=total, initial=learner.iteration, **bar) as progress:
            stop = meet(received[0] if received else 0)
            while learner.iteration < total and not stop:
                learner.step()
                due = learner.iteration % learner.config.save_every == 0 or learner.iteration == total
                metrics = self.record(learner.report()) if due else {}
                if due:
                    progress.set_postfix_str(_describe(metrics), refresh=False)
                self.save_due(due)
                progress.update()
                asked = self.tell(metrics)
                stop = meet(received[0] if received else ASKED * asked)
            if stop:
                self.save_latest()
        return stop if stop != ASKED else 0

    def record(self, report: Report) -> Metrics:
        """Takes note of a report; returns its metrics."""
        return report.metrics

    def save_due(self, due: bool) -> None:
        """Writes the checkpoints of an iteration, in which a row of metrics may be due."""

    def save_latest(self) -> None:
        """Writes a checkpoint to resume from."""

    def tell(self, metrics: Metrics) -> bool:
        """Tells callbacks of an iteration; returns whether they want to stop."""
        del metrics
        return False


@dataclass(frozen=True)
class _RecordedRun(_Run):
    """A learner, what it leaves in a folder, and who is told."""

    folder: Path
    writer: MetricsWriter
    callbacks: Sequence[Callback]

    def record(self, report: Report) -> Metrics:
        """Writes a row of metrics, which is dropped if no checkpoint follows, and the best checkpoint."""
        self.writer.write(report.metrics, report.absent)
        if report.score > self.learner.best_score:
            self.learner.best_score = report.score
            self._write(best_checkpoint(self.folder), report.state)
        return report.metrics

    def tell(self, metrics: Metrics) -> bool:
        """See `_Run.tell`."""
        return tell(self.callbacks, "on_iteration", self.learner, dict(metrics))

    def save_latest(self) -> None:
        """Writes a checkpoint to resume from, which knows the rows of metrics before it."""
        self._save(latest_checkpoint(self.folder))

    def save_due(self, due: bool) -> None:
        """Writes the checkpoints of an iteration, the latest last: a resumed run makes those after it again."""
        every, iteration = self.learner.config.checkpoint_every, self.learner.iteration
        if every is not None and iteration % every == 0:
            self._save(kept_checkpoint(self.folder, iteration))
        if due:
            self._save(latest_checkpoint(self.folder))

    def _save(self, path: Path) -> None:
        self._write(path, {**self.learner.state_dict(), CHECKSUM: self.writer.checksum})

    def _write(self, path: Path, state: dict[str, Any]) -> None:
        save_checkpoint(path, self.learner.config, state)
        tell(self.callbacks, "on_checkpoint", path)


def _describe(metrics: Metrics) -> str:
    metric = headline(metrics)
    steps = [f"{metrics[name]:.2f}" for name in steps_of(metric, metrics).values()]
    divergence = f", KL {metrics[KL]:.4f}" if KL in metrics else ""
    validated = [f"{metrics[name]:.2f}" for name in steps_of(VALIDATION + metric, metrics).values()]
    validation = f", validation {' -> '.join(validated)}" if validated else ""
    return f"{metric} {' -> '.join(steps)}{divergence}{validation}"
