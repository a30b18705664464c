"""Metrics of a run: a CSV with a row per iteration, and TensorBoard events made from it."""

from __future__ import annotations

import csv
import os
import shutil
from pathlib import Path
from time import time

from tensorboard.compat.proto.event_pb2 import Event
from tensorboard.compat.proto.summary_pb2 import Summary
from tensorboard.summary.writer.record_writer import RecordWriter

from mamlrl.errors import UserError
from mamlrl.files import os_errors_as, write_text
from mamlrl.metric_names import ITERATION, Metrics


class MetricsWriter:
    """Appends metrics to `metrics.csv` and `tensorboard/` in a folder.

    The CSV is the record; on opening, rows after the iteration to continue from are dropped and the
    TensorBoard events are written anew from the rest, so that neither has gaps or repeats.

    Args:
        folder: The run's folder.
        iteration: Meta-iterations done; later rows are dropped.
    """

    def __init__(self, folder: Path, iteration: int) -> None:
        self._path = folder / "metrics.csv"
        _drop_rows_after(self._path, iteration)
        shutil.rmtree(folder / "tensorboard", ignore_errors=True)
        self._events = _EventFile(folder / "tensorboard")
        rows = read_metrics(self._path)
        self._columns = list(rows[0]) if rows else None
        for row in rows:
            self._events.write(row)

    def write(self, metrics: Metrics) -> None:
        """Appends the metrics of one iteration.

        The file keeps the columns of its header, even if another version wrote it. Metrics without a column are
        dropped; columns without a metric get NaN.

        Raises:
            UserError: If the file cannot be written.
        """
        failure = f"cannot write metrics {self._path}"
        with os_errors_as(failure, "; the last checkpoint is kept"), open(self._path, "a", newline="") as file:
            columns = self._columns or list(metrics)
            writer = csv.DictWriter(file, columns, restval="nan", extrasaction="ignore")
            if file.tell() == 0:
                writer.writeheader()
            writer.writerow(metrics)
            file.flush()
            os.fsync(file.fileno())
        self._events.write(metrics)

    def close(self) -> None:
        """Closes the TensorBoard events."""
        self._events.close()


class _EventFile:
    """A TensorBoard event file, written at once rather than by a thread that dies alone on a full disk."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir()
        self._file = open(folder / f"events.out.tfevents.{int(time())}.mamlrl", "wb")  # noqa: SIM115
        self._records = RecordWriter(self._file)
        try:
            self._records.write(Event(wall_time=time(), file_version="brain.Event:2").SerializeToString())
        except OSError:
            self._file.close()
            raise

    def write(self, metrics: Metrics) -> None:
        summary = Summary(value=[Summary.Value(tag=name, simple_value=value) for name, value in metrics.items()])
        event = Event(wall_time=time(), step=int(metrics[ITERATION]), summary=summary)
        self._records.write(event.SerializeToString())
        self._records.flush()

    def close(self) -> None:
        self._file.close()


def read_metrics(path: Path) -> list[Metrics]:
    """Reads the rows of a metrics CSV; a last row cut short by a crash is left out.

    Raises:
        UserError: If there is no such file or it is not a metrics CSV.
    """
    if not path.exists():
        raise UserError(f"no metrics at {path}")
    lines = _whole_lines(path)
    try:
        return [{name: float(value) for name, value in row.items()} for row in csv.DictReader(lines)]
    except (ValueError, TypeError) as error:
        raise UserError(f"{path} is not a metrics CSV: it holds other things than numbers") from error


def _whole_lines(path: Path) -> list[str]:
    """Lines of a metrics CSV, without a last one that a crash cut short."""
    try:
        with open(path, newline="") as file:
            lines = [line for line in file if line.endswith("\n")]
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{path} is not a metrics CSV: {error}") from error
    if lines and not lines[0].startswith(f"{ITERATION},"):
        raise UserError(f"{path} is not a metrics CSV: its first column is not the iteration")
    return lines


def _drop_rows_after(path: Path, iteration: int) -> None:
    """Keeps the header and the rows up to an iteration to the letter; the first column is the iteration."""
    lines = _whole_lines(path) if path.exists() and iteration else []
    try:
        kept = lines[:1] + [line for line in lines[1:] if int(line.split(",", 1)[0]) <= iteration]
    except ValueError as error:
        raise UserError(f"{path} is not a metrics CSV: its first column is not the iteration") from error
    write_text(path, "".join(kept))
