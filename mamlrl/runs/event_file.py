"""TensorBoard events of a run."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from time import time

from tensorboard.compat.proto.event_pb2 import Event
from tensorboard.compat.proto.summary_pb2 import Summary
from tensorboard.summary.writer.record_writer import RecordWriter

from mamlrl.files import os_errors_as
from mamlrl.metric_names import ITERATION, Metrics

PREFIX, SUFFIX = "events.out.tfevents.", ".mamlrl"


class EventFile:
    """A TensorBoard event file, written at once rather than by a thread that dies alone on a full disk.

    It takes the place of earlier ones of the run; files of other programs stay.

    Args:
        folder: Where it lies; made if need be.

    Raises:
        UserError: If it cannot be written.
    """

    def __init__(self, folder: Path) -> None:
        self._failure = f"cannot write TensorBoard events to {folder}"
        with os_errors_as(self._failure):
            folder.mkdir(exist_ok=True)
            for earlier in folder.glob(f"{PREFIX}*{SUFFIX}"):
                earlier.unlink()
            self._file = open(folder / f"{PREFIX}{int(time())}{SUFFIX}", "wb")  # noqa: SIM115
        self._records = RecordWriter(self._file)
        try:
            self._append(Event(wall_time=time(), file_version="brain.Event:2"))
        except BaseException:
            self.close()
            raise

    def write(self, metrics: Metrics) -> None:
        """Appends the metrics of one iteration.

        Raises:
            UserError: If they cannot be written.
        """
        summary = Summary(value=[Summary.Value(tag=name, simple_value=value) for name, value in metrics.items()])
        self._append(Event(wall_time=time(), step=int(metrics[ITERATION]), summary=summary))

    def _append(self, event: Event) -> None:
        with os_errors_as(self._failure, "; the last checkpoint is kept"):
            self._records.write(event.SerializeToString())
            self._records.flush()

    def close(self) -> None:
        """Closes the file; what could not be written is lost, as it can be made from the CSV again."""
        with suppress(OSError):
            self._file.close()
