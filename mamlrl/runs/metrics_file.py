"""Metrics of a run: a CSV with a row per iteration, and TensorBoard events made from it."""

from __future__ import annotations

import csv
import math
import os
import zlib
from collections.abc import Iterable, Sequence
from io import StringIO
from pathlib import Path
from time import time

from mamlrl.errors import UserError
from mamlrl.files import os_errors_as, written
from mamlrl.metric_names import ITERATION, WALL_TIME, Metrics
from mamlrl.runs.event_file import new_event_file

METRICS, EVENTS = "metrics.csv", "tensorboard"
CHECKSUM = "metrics_checksum"  # its key in a checkpoint


class MetricsWriter:
    """Appends metrics to `metrics.csv` and `tensorboard/` in a folder.

    The CSV is the record; on opening, rows after the iteration to continue from are dropped and the
    TensorBoard events are written anew from the rest, so that neither has gaps or repeats.

    Args:
        folder: The run's folder.
        iteration: Meta-iterations done; later rows are dropped.
        save_every: Meta-iterations between rows.
        checksum: What `checksum` was after that iteration; None if it is not known.

    Attributes:
        checksum: CRC-32 of the header and all rows, whatever their line ends, for a checkpoint to hold.

    Raises:
        UserError: If the CSV lacks rows up to that iteration or they are not those of the checksum, in which case
            nothing is changed; or if something cannot be written.
    """

    def __init__(self, folder: Path, iteration: int, save_every: int = 1, checksum: int | None = None) -> None:
        self._path = folder / METRICS
        lines = _lines_until(self._path, iteration, save_every)
        rows = _parse(self._path, lines)
        self.checksum = _checksum(lines)
        if checksum not in (None, self.checksum):
            raise _incomplete(self._path, "has rows that were altered")
        kept = "".join(lines).encode()
        if kept != _bytes_of(self._path):
            with written(self._path) as file:
                file.write(kept)
        self._columns = _columns_of(lines) if rows else None
        self._events = new_event_file(folder / EVENTS, rows)

    def write(self, metrics: Metrics, absent: Sequence[str] = ()) -> None:
        """Appends the metrics of one iteration, and the time.

        The file keeps the columns of its header, even if another version wrote it. Metrics without a column are
        dropped; columns without a metric get NaN, those of absent ones nothing.

        Args:
            metrics: The metrics.
            absent: Names of metrics that other iterations have.

        Raises:
            UserError: If the file cannot be written.
        """
        lines = StringIO(newline="")
        wall_time = time()
        columns = self._columns or [*metrics, *absent, WALL_TIME]
        writer = csv.DictWriter(lines, columns, restval="nan", extrasaction="ignore")
        failure, kept = f"cannot write metrics {self._path}", "; the last checkpoint is kept"
        with os_errors_as(failure, kept), open(self._path, "a", newline="", encoding="utf-8") as file:
            if file.tell() == 0:
                writer.writeheader()
            writer.writerow({**dict.fromkeys(absent, ""), **metrics, WALL_TIME: wall_time})
            file.write(lines.getvalue())
            file.flush()
            os.fsync(file.fileno())
        self.checksum = _checksum(lines.getvalue().splitlines(), self.checksum)
        self._events.write({**metrics, WALL_TIME: wall_time})

    def close(self) -> None:
        """Closes the TensorBoard events."""
        self._events.close()


def read_metrics(path: Path) -> list[Metrics]:
    """Reads the rows of a metrics CSV; a last row cut short by a crash is left out, and empty cells are NaN.

    Raises:
        UserError: If there is no such file or it is not a metrics CSV.
    """
    if not os.path.exists(path):
        raise UserError(f"no metrics at {path}")
    lines = _whole_lines(path)
    nothing = dict.fromkeys(_columns_of(lines), math.nan)
    return [{**nothing, **row} for row in _parse(path, lines)]


def _columns_of(lines: Sequence[str]) -> list[str]:
    return next(csv.reader(lines[:1]), [])


def _parse(path: Path, lines: Sequence[str]) -> list[Metrics]:
    """Reads the rows; of cells that are empty, nothing is in them."""
    try:
        rows = csv.DictReader(lines)
        return [{name: float(value) for name, value in row.items() if value != ""} for row in rows]
    except (ValueError, TypeError, csv.Error) as error:
        raise UserError(f"{path} is not a metrics CSV: it holds other things than numbers") from error


def _lines_until(path: Path, iteration: int, save_every: int) -> list[str]:
    """Returns the header and the rows up to an iteration to the letter.

    Raises:
        UserError: If the file is not a metrics CSV, or a row is missing, cut, or not in its place. There may be
            rows of iterations that `save_every` does not ask for.
    """
    if iteration == 0:
        return []
    lines = _whole_lines(path) if path.exists() else []
    kept, due, last = lines[:1], save_every, 0
    for line in lines[1:]:
        number = _iteration_of(path, line)
        if number > iteration:
            continue
        if number <= last:
            raise _incomplete(path, f"has the row of iteration {number} after that of {last}")
        if number > due:
            break
        if _cells(line) != _cells(lines[0]):
            raise _incomplete(path, f"has a row of iteration {number} that is cut")
        kept.append(line)
        last = number
        if number == due:
            due += save_every
    if due <= iteration:
        raise _incomplete(path, f"lacks the row of iteration {due}")
    return kept


def _checksum(lines: Iterable[str], before: int = 0) -> int:
    return zlib.crc32("".join(f"{line.rstrip()}\n" for line in lines).encode(), before)


def _cells(line: str) -> int:
    return len(next(csv.reader([line])))


def _incomplete(path: Path, fault: str) -> UserError:
    return UserError(
        f"{path} {fault}, which the last checkpoint follows; restore the file, "
        "or begin a new run from the checkpoint with --init_from"
    )


def _iteration_of(path: Path, line: str) -> int:
    try:
        return int(line.split(",", 1)[0])
    except ValueError as error:
        raise UserError(f"{path} is not a metrics CSV: its first column is not the iteration") from error


def _whole_lines(path: Path) -> list[str]:
    """Lines of a metrics CSV, without a last one that a crash cut short; each may end in any way."""
    try:
        with open(path, newline="", encoding="utf-8-sig") as file:
            lines = [line for line in file if line.endswith(("\n", "\r"))]
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{path} is not a metrics CSV: {error}") from error
    lines = [f"{line[:-1]}\r\n" if line.endswith("\r") else line for line in lines]
    if lines and not lines[0].startswith(f"{ITERATION},"):
        raise UserError(f"{path} is not a metrics CSV: its first column is not the iteration")
    return lines


def _bytes_of(path: Path) -> bytes | None:
    """What a file holds; None if there is none."""
    with os_errors_as(f"cannot read {path}"):
        return path.read_bytes() if os.path.lexists(path) else None
