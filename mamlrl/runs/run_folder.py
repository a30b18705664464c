"""The folder of a run: what lies where, who may write to it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import yaml
from filelock import FileLock, Timeout

from mamlrl.errors import UserError
from mamlrl.experiments.experiment import Experiment
from mamlrl.experiments.plain import plain_experiment
from mamlrl.files import os_errors_as, write_text
from mamlrl.runs.metrics_file import EVENTS, METRICS
from mamlrl.runs.saved import latest_checkpoint

CONFIG, LOCK = "config.yaml", ".lock"


def run_folder(path: str | os.PathLike[str]) -> Path:
    """Returns the folder that a path names.

    Raises:
        UserError: If it names none.
    """
    if not isinstance(path, str | os.PathLike):
        raise UserError(f"output: the folder of a run must be a path, got {path!r}")
    if not os.fspath(path):
        raise UserError("output: the folder of a run must have a name, got ''")
    return Path(path)


def check_holds_run(folder: Path) -> None:
    """Raises a UserError if there is no run to resume in a folder."""
    latest = latest_checkpoint(folder)
    with os_errors_as(f"cannot use the folder {folder}"):
        if not latest.exists():
            raise UserError(
                f"no run to resume at {folder}, where there is no checkpoint at {latest}; begin one without "
                "--resume, or name its folder with --output"
            )


def check_is_free(folder: Path) -> None:
    """Checks that a new run would not write over anything.

    A run that ended before its first checkpoint leaves no more than a lock, and the first half of that checkpoint.

    Raises:
        UserError: If the folder holds a run, or something else with a name that a run uses.
    """
    latest = latest_checkpoint(folder)
    with os_errors_as(f"cannot use the folder {folder}"):
        if os.path.lexists(latest):
            raise UserError(f"{folder} holds a run already; continue it with --resume, or choose another --output")
        taken = [folder / name for name in (CONFIG, METRICS, EVENTS)]
        taken += [path.with_name(f"{path.name}.tmp") for path in taken]
        if latest.parent.is_dir():
            taken += [path for path in sorted(latest.parent.iterdir()) if path.name != f"{latest.name}.tmp"]
        elif os.path.lexists(latest.parent):
            taken.append(latest.parent)
        lock = folder / LOCK
        if os.path.lexists(lock) and (lock.is_symlink() or not lock.is_file() or lock.stat().st_size):
            taken.append(lock)
        for path in taken:
            if os.path.lexists(path):
                raise UserError(
                    f"{path} is in the way of a new run, and not of one; move it away, or choose another --output"
                )


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Makes the folder and keeps other runs out of it.

    Raises:
        UserError: If the folder cannot be made, or another process is training in it.
    """
    lock = FileLock(folder / LOCK, timeout=0)
    with os_errors_as(f"cannot write to {folder}"):
        latest_checkpoint(folder).parent.mkdir(parents=True, exist_ok=True)
        try:
            lock.acquire()
        except Timeout as error:
            raise UserError(f"another process is training in {folder}") from error
    try:
        yield
    finally:
        lock.release()


def write_config(folder: Path, config: Experiment) -> None:
    """Writes the experiment, unless the file says the same already, perhaps with comments.

    Raises:
        UserError: If it cannot be written.
    """
    plain, path = plain_experiment(config), folder / CONFIG
    try:
        said = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError, yaml.YAMLError):  # none, or one that cannot be read
        said = None
    if said != plain:
        write_text(path, yaml.safe_dump(plain, sort_keys=False))
