"""TensorBoard events of a run."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from time import time
from typing import TYPE_CHECKING

from mamlrl.errors import UserError
from mamlrl.files import os_errors_as
from mamlrl.metric_names import ITERATION, WALL_TIME, Metrics, grouped

if TYPE_CHECKING:
    from tensorboard.compat.proto.summary_pb2 import Summary

PREFIX, SUFFIX = "events.out.tfevents.", ".mamlrl"


class EventFile:
    """A TensorBoard event file, written at once rather than by a thread that dies alone on a full disk.

    Args:
        path: The file; events are appended to it.

    Raises:
        UserError: If it cannot be written.
    """

    def __init__(self, path: Path) -> None:
        from tensorboard.compat.proto.event_pb2 import Event  # noqa: PLC0415 (TensorBoard takes long to import)
        from tensorboard.summary.writer.record_writer import RecordWriter  # noqa: PLC0415

        self._failure, self._make_event = f"cannot write TensorBoard events to {path.parent}", Event
        with os_errors_as(self._failure):
            path.parent.mkdir(exist_ok=True)
            self._file = open(path, "ab")  # noqa: SIM115
        self._records = RecordWriter(self._file)
        try:
            if self._file.tell() == 0:
                self._append(wall_time=time(), file_version="brain.Event:2")
        except BaseException:
            self.close()
            raise

    def write(self, metrics: Metrics) -> None:
        """Appends the metrics of one iteration, of the wall time among them.

        Raises:
            UserError: If they cannot be written.
        """
        from tensorboard.compat.proto.summary_pb2 import Summary  # noqa: PLC0415

        values = [
            Summary.Value(tag=grouped(name), simple_value=value)
            for name, value in metrics.items()
            if name not in (ITERATION, WALL_TIME)  # which every event has anyway
        ]
        self.add(Summary(value=values), int(metrics[ITERATION]), metrics.get(WALL_TIME))

    def add(self, summary: Summary, iteration: int, wall_time: float | None = None) -> None:
        """Appends a summary of any kind.

        Args:
            summary: Such as functions of `torch.utils.tensorboard.summary` return.
            iteration: Meta-iterations done.
            wall_time: Unix time in seconds; now by default.

        Raises:
            UserError: If it cannot be written.
        """
        self._append(wall_time=time() if wall_time is None else wall_time, step=iteration, summary=summary)

    def _append(self, **content: object) -> None:
        with os_errors_as(self._failure, "; the last checkpoint is kept"):
            self._records.write(self._make_event(**content).SerializeToString())
            self._records.flush()

    def close(self) -> None:
        """Closes the file; what could not be written is lost, as it can be made from the CSV again."""
        with suppress(OSError):
            self._file.close()


def new_event_file(folder: Path, rows: Iterable[Metrics]) -> EventFile:
    """Returns an event file with the metrics of a run so far, in place of the run's earlier ones.

    Files of other programs stay.

    Args:
        folder: Where it lies; made if need be.
        rows: Metrics of iterations.

    Raises:
        UserError: If it cannot be written.
    """
    with os_errors_as(f"cannot write TensorBoard events to {folder}"):
        for earlier in _files(folder):
            earlier.unlink()
    events = EventFile(folder / f"{PREFIX}{int(time())}{SUFFIX}")
    try:
        for row in rows:
            events.write(row)
    except UserError:
        events.close()
        raise
    return events


def append_events(folder: Path, iteration: int, summaries: Iterable[Summary]) -> None:
    """Appends summaries to the events of a run, also while the run writes them.

    Args:
        folder: Where a run's events are.
        iteration: Meta-iterations done.
        summaries: Such as functions of `torch.utils.tensorboard.summary` return.

    Raises:
        UserError: If there are no events, or they cannot be written.
    """
    files = _files(folder)
    if not files:
        raise UserError(f"there are no TensorBoard events of a run in {folder}")
    events = EventFile(files[-1])
    try:
        for summary in summaries:
            events.add(summary, iteration)
    finally:
        events.close()


def _files(folder: Path) -> list[Path]:
    return sorted(folder.glob(f"{PREFIX}*{SUFFIX}"))
