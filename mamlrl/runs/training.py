"""Meta-training as a run that survives: a folder with config, metrics and checkpoints, resumable at any time."""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any, cast

from tqdm import tqdm

from mamlrl.console import Stream, is_terminal
from mamlrl.errors import RunError, UserError
from mamlrl.experiments.experiment import Experiment
from mamlrl.files import AnyPath
from mamlrl.learners.build import make_learner
from mamlrl.learners.learner import Learner
from mamlrl.metric_names import KL, Metrics, headline, steps_of
from mamlrl.runs.checkpoints import save_checkpoint
from mamlrl.runs.metrics_file import MetricsWriter
from mamlrl.runs.run_folder import check_holds_run, check_is_free, locked, run_folder, write_config
from mamlrl.runs.saved import best_checkpoint, kept_checkpoint, latest_checkpoint
from mamlrl.runs.starting_point import restore, take_parameters, tell_changes


def train(
    config: Experiment,
    folder: AnyPath,
    resume: bool = False,
    init_from: AnyPath | None = None,
) -> int:
    """Meta-trains until `config.iterations`, or, in the main thread, until SIGINT or SIGTERM.

    Args:
        config: The experiment.
        folder: Where the run is kept.
        resume: Whether to continue the run that the folder holds.
        init_from: Checkpoint, or run folder, to begin a new run from with its parameters alone.

    Returns:
        The number of the signal that stopped the run, or 0 if it is complete.

    Raises:
        UserError: If the folder cannot be used or the experiment cannot be run; nothing is lost.
    """
    folder = run_folder(folder)
    check = check_holds_run if resume else check_is_free
    check(folder)
    if resume and init_from is not None:
        raise UserError("init_from begins a new run; choose another --output, or leave --resume out")
    learner = make_learner(config)
    if resume:
        restore(learner, folder)
    elif init_from is not None:
        take_parameters(learner, Path(init_from))
    with locked(folder):
        check(folder)  # another process may have trained here while the learner was built
        if resume:
            restore(learner, folder)
            tell_changes(learner, folder)
        return _train(learner, folder, resume)


def _train(learner: Learner, folder: Path, resume: bool) -> int:
    config, latest = learner.config, latest_checkpoint(folder)
    if not resume:  # first of all, so that what lies beside a checkpoint is of a run of ours
        save_checkpoint(latest, config, learner.state_dict())
    writer = MetricsWriter(folder, learner.iteration, config.save_every)
    try:
        write_config(folder, config)
        if resume:
            save_checkpoint(latest, config, learner.state_dict())
        return _train_until_stopped(learner, folder, writer)
    except RunError as error:
        raise type(error)(f"{error}; the last checkpoint is kept, {latest}") from error
    finally:
        writer.close()


def _train_until_stopped(learner: Learner, folder: Path, writer: MetricsWriter) -> int:
    config = learner.config
    interval = 0.5 if is_terminal(sys.stderr) else 30.0
    output = cast(Any, Stream(sys.stderr))
    with (
        _stop_signals() as received,
        tqdm(
            total=config.iterations, initial=learner.iteration, unit="it", mininterval=interval, file=output
        ) as progress,
    ):
        while learner.iteration < config.iterations and not received:
            learner.step()
            due = learner.iteration % config.save_every == 0 or learner.iteration == config.iterations
            if due:
                progress.set_postfix_str(_describe(_record(learner, folder, writer)), refresh=False)
            _save(learner, folder, due)
            progress.update()
        if received:
            save_checkpoint(latest_checkpoint(folder), config, learner.state_dict())
    return received[0] if received else 0


def _record(learner: Learner, folder: Path, writer: MetricsWriter) -> Metrics:
    """Writes a row of metrics, which is dropped if no checkpoint follows, and the best checkpoint."""
    report = learner.report()
    writer.write(report.metrics)
    if report.score > learner.best_score:
        learner.best_score = report.score
        save_checkpoint(best_checkpoint(folder), learner.config, report.state)
    return report.metrics


def _save(learner: Learner, folder: Path, due: bool) -> None:
    """Writes the checkpoints of an iteration, the latest last: a resumed run makes those after it again."""
    every = learner.config.checkpoint_every
    if every is not None and learner.iteration % every == 0:
        save_checkpoint(kept_checkpoint(folder, learner.iteration), learner.config, learner.state_dict())
    if due:
        save_checkpoint(latest_checkpoint(folder), learner.config, learner.state_dict())


def _describe(metrics: Metrics) -> str:
    metric = headline(metrics)
    steps = [f"{metrics[name]:.2f}" for name in steps_of(metric, metrics).values()]
    divergence = f", KL {metrics[KL]:.4f}" if KL in metrics else ""
    return f"{metric} {' -> '.join(steps)}{divergence}"


@contextmanager
def _stop_signals() -> Iterator[list[int]]:
    """Collects SIGINT and SIGTERM, for the loop to end after the running iteration; a second one ends at once.

    Python handles signals in its main thread alone; elsewhere there is nothing to collect.
    """
    received: list[int] = []
    if threading.current_thread() is not threading.main_thread():
        yield received
        return

    def receive(number: int, frame: FrameType | None) -> None:
        del frame
        received.append(number)
        restore_handlers()

    def restore_handlers() -> None:
        for each, handler in previous.items():
            signal.signal(each, signal.SIG_DFL if handler is None else handler)  # None: it is not one of Python's

    previous = {each: signal.signal(each, receive) for each in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield received
    finally:
        restore_handlers()
