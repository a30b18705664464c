"""Meta-training as a run that survives: a folder with config, metrics and checkpoints, resumable at any time."""

from __future__ import annotations

import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import fields
from pathlib import Path
from types import FrameType

import yaml
from filelock import FileLock, Timeout
from tqdm import tqdm

from mamlrl.errors import UserError
from mamlrl.experiments.experiment import Experiment
from mamlrl.experiments.plain import plain_experiment
from mamlrl.files import os_errors_as, write_text
from mamlrl.learners.build import make_learner
from mamlrl.learners.learner import Learner
from mamlrl.metric_names import KL, Metrics, headline, steps_of
from mamlrl.runs.checkpoints import load_checkpoint, save_checkpoint
from mamlrl.runs.metrics_file import MetricsWriter
from mamlrl.runs.saved import best_checkpoint, latest_checkpoint

MAY_CHANGE_ON_RESUME = ("iterations", "evaluation")


def train(config: Experiment, folder: Path, resume: bool = False) -> int:
    """Meta-trains until `config.iterations`, or until SIGINT or SIGTERM.

    Args:
        config: The experiment.
        folder: Where the run is kept.
        resume: Whether to continue the run that the folder holds.

    Returns:
        The number of the signal that stopped the run, or 0 if it is complete.

    Raises:
        UserError: If the folder cannot be used or the experiment cannot be run; nothing is lost.
    """
    if _holds_run(folder) != resume:
        raise UserError(
            f"there is no run to resume in {folder}"
            if resume
            else f"{folder} holds a run already; continue it with --resume, or choose another --output"
        )
    learner = make_learner(config)
    if resume:
        saved_config, state = load_checkpoint(latest_checkpoint(folder))
        _check_same_experiment(saved_config, config)
        try:
            learner.load_state_dict(state)
        except UserError as error:
            raise UserError(f"{latest_checkpoint(folder)}: {error}") from error
    with _locked(folder):
        metrics = MetricsWriter(folder, learner.iteration)
        try:
            _write_config(folder, config)
            save_checkpoint(latest_checkpoint(folder), config, learner.state_dict())
            return _train_until_stopped(learner, folder, metrics)
        finally:
            metrics.close()


def _holds_run(folder: Path) -> bool:
    with os_errors_as(f"cannot use the folder {folder}"):
        return latest_checkpoint(folder).exists()


def _train_until_stopped(learner: Learner, folder: Path, writer: MetricsWriter) -> int:
    config = learner.config
    interval = 0.5 if sys.stderr.isatty() else 30.0
    with (
        _stop_signals() as received,
        tqdm(total=config.iterations, initial=learner.iteration, unit="it", mininterval=interval) as progress,
    ):
        while learner.iteration < config.iterations and not received:
            learner.step()
            if learner.iteration % config.save_every == 0 or learner.iteration == config.iterations:
                progress.set_postfix_str(_describe(_record(learner, folder, writer)), refresh=False)
            progress.update()
        if received:
            save_checkpoint(latest_checkpoint(folder), config, learner.state_dict())
    return received[0] if received else 0


def _record(learner: Learner, folder: Path, writer: MetricsWriter) -> Metrics:
    """Writes a row of metrics and checkpoints; the row first, since one without its checkpoint can be dropped."""
    report = learner.report()
    writer.write(report.metrics)
    if report.score > learner.best_score:
        learner.best_score = report.score
        save_checkpoint(best_checkpoint(folder), learner.config, report.state)
    save_checkpoint(latest_checkpoint(folder), learner.config, learner.state_dict())
    return report.metrics


def _describe(metrics: Metrics) -> str:
    metric = headline(metrics)
    steps = [f"{metrics[name]:.2f}" for name in steps_of(metric, metrics).values()]
    divergence = f", KL {metrics[KL]:.4f}" if KL in metrics else ""
    return f"{metric} {' -> '.join(steps)}{divergence}"


def _check_same_experiment(saved: Experiment, config: Experiment) -> None:
    if saved.kind != config.kind:
        raise UserError(f"kind: the run to resume is of kind {saved.kind}, not {config.kind}")
    for name in sorted({item.name for item in fields(config)} - set(MAY_CHANGE_ON_RESUME)):
        before, now = getattr(saved, name), getattr(config, name)
        if before != now:
            raise UserError(
                f"{name}: the run to resume has {before}, not {now}; "
                f"only {', '.join(MAY_CHANGE_ON_RESUME)} may change on --resume"
            )


def _write_config(folder: Path, config: Experiment) -> None:
    write_text(folder / "config.yaml", yaml.safe_dump(plain_experiment(config), sort_keys=False))


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Makes the folder and keeps other runs out of it."""
    with os_errors_as(f"cannot write to {folder}"):
        latest_checkpoint(folder).parent.mkdir(parents=True, exist_ok=True)
        try:
            with FileLock(folder / ".lock", timeout=0):
                yield
        except Timeout as error:
            raise UserError(f"another process is training in {folder}") from error


@contextmanager
def _stop_signals() -> Iterator[list[int]]:
    """Collects SIGINT and SIGTERM, for the loop to end after the running iteration; a second one ends at once."""
    received: list[int] = []

    def receive(number: int, frame: FrameType | None) -> None:
        del frame
        received.append(number)
        for each, handler in previous.items():
            signal.signal(each, handler)

    previous = {each: signal.signal(each, receive) for each in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield received
    finally:
        for each, handler in previous.items():
            signal.signal(each, handler)
