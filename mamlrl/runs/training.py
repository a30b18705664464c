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
from mamlrl.experiments.experiment import Config
from mamlrl.experiments.files import plain_config
from mamlrl.files import replaced
from mamlrl.learners.build import make_learner
from mamlrl.learners.learner import Learner
from mamlrl.runs.checkpoints import load_checkpoint, save_checkpoint
from mamlrl.runs.metrics_file import Metrics, MetricsWriter, headline

MAY_CHANGE_ON_RESUME = ("iterations", "evaluation")


def latest_checkpoint(folder: Path) -> Path:
    """Returns the path of the checkpoint after the last meta-iteration."""
    return folder / "checkpoints" / "latest.pt"


def best_checkpoint(folder: Path) -> Path:
    """Returns the path of the meta-parameters that scored best after adaptation."""
    return folder / "checkpoints" / "best.pt"


def train(config: Config, folder: Path, resume: bool = False) -> int:
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
            raise UserError(f"{latest_checkpoint(folder)}: {error}") from None
    with _locked(folder):
        metrics = MetricsWriter(folder, learner.iteration)
        try:
            _write_config(folder, config)
            save_checkpoint(latest_checkpoint(folder), config, learner.state_dict())
            return _train_until_stopped(learner, folder, metrics)
        finally:
            metrics.close()


def _holds_run(folder: Path) -> bool:
    try:
        return latest_checkpoint(folder).exists()
    except OSError as error:
        raise UserError(f"cannot use the folder {folder}: {error.strerror}") from None


def _train_until_stopped(learner: Learner, folder: Path, writer: MetricsWriter) -> int:
    config = learner.config
    interval = 0.5 if sys.stderr.isatty() else 30.0
    with (
        _stop_signals() as received,
        tqdm(total=config.iterations, initial=learner.iteration, unit="it", mininterval=interval) as progress,
    ):
        while learner.iteration < config.iterations and not received:
            learner.advance()
            if learner.iteration % config.save_every == 0 or learner.iteration == config.iterations:
                progress.set_postfix_str(_describe(_record(learner, folder, writer)), refresh=False)
            progress.update()
        if received:
            save_checkpoint(latest_checkpoint(folder), config, learner.state_dict())
    return received[0] if received else 0


def _record(learner: Learner, folder: Path, writer: MetricsWriter) -> Metrics:
    """Writes a row of metrics and checkpoints; the row first, since one without its checkpoint can be dropped."""
    metrics = learner.report()
    writer.write(metrics)
    if learner.score(metrics) > learner.best_score:
        learner.best_score = learner.score(metrics)
        save_checkpoint(best_checkpoint(folder), learner.config, learner.reported_state())
    save_checkpoint(latest_checkpoint(folder), learner.config, learner.state_dict())
    return metrics


def _describe(metrics: Metrics) -> str:
    metric = headline(metrics)
    steps = [f"{value:.2f}" for name, value in metrics.items() if name.startswith(f"{metric}/step_")]
    divergence = f", KL {metrics['kl']:.4f}" if "kl" in metrics else ""
    return f"{metric} {' -> '.join(steps)}{divergence}"


def _check_same_experiment(saved: Config, config: Config) -> None:
    for name in sorted({item.name for item in fields(Config)} - set(MAY_CHANGE_ON_RESUME)):
        before, now = getattr(saved, name), getattr(config, name)
        if before != now:
            raise UserError(
                f"{name}: the run to resume has {before}, not {now}; "
                f"only {', '.join(MAY_CHANGE_ON_RESUME)} may change on --resume"
            )


def _write_config(folder: Path, config: Config) -> None:
    with replaced(folder / "config.yaml") as file:
        file.write(yaml.safe_dump(plain_config(config), sort_keys=False).encode())


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Makes the folder and keeps other runs out of it."""
    try:
        latest_checkpoint(folder).parent.mkdir(parents=True, exist_ok=True)
        with FileLock(folder / ".lock", timeout=0):
            yield
    except Timeout:
        raise UserError(f"another process is training in {folder}") from None
    except OSError as error:
        raise UserError(f"cannot write to {folder}: {error}") from None


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
