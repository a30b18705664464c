"""Metrics of a run: a CSV with a row an iteration, and TensorBoard events made from it."""

from __future__ import annotations

import csv
import os
import shutil
from pathlib import Path

from torch.utils.tensorboard import SummaryWriter

from mamlrl.errors import UserError

Metrics = dict[str, float]


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
        kept = [row for row in read_metrics(self._path) if row["iteration"] <= iteration] if iteration else []
        temporary = self._path.with_suffix(".csv.tmp")
        with open(temporary, "w", newline="") as file:
            _write_rows(file, kept, header=True)
        os.replace(temporary, self._path)
        shutil.rmtree(folder / "tensorboard", ignore_errors=True)
        self._events = SummaryWriter(str(folder / "tensorboard"))
        for row in kept:
            self._add_events(row)
        self._header = not kept

    def write(self, metrics: Metrics) -> None:
        """Appends the metrics of one iteration.

        Raises:
            UserError: If the file cannot be written.
        """
        try:
            with open(self._path, "a", newline="") as file:
                _write_rows(file, [metrics], header=self._header)
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            raise UserError(f"cannot write metrics {self._path}: {error}; the last checkpoint is kept") from None
        self._header = False
        self._add_events(metrics)

    def close(self) -> None:
        """Flushes the TensorBoard events."""
        self._events.close()

    def _add_events(self, metrics: Metrics) -> None:
        for name, value in metrics.items():
            if name != "iteration":
                self._events.add_scalar(name, value, int(metrics["iteration"]))


def read_metrics(path: Path) -> list[Metrics]:
    """Reads the rows of a metrics CSV; a last row cut short by a crash is left out.

    Raises:
        UserError: If there is no such file or it is not a metrics CSV.
    """
    try:
        with open(path, newline="") as file:
            complete = [line for line in file if line.endswith("\n")]
        rows = list(csv.DictReader(complete))
        return [{name: float(value) for name, value in row.items()} for row in rows]
    except FileNotFoundError:
        raise UserError(f"no metrics at {path}") from None
    except (OSError, ValueError, TypeError) as error:
        raise UserError(f"{path} is not a metrics CSV: {error}") from None


def _write_rows(file: object, rows: list[Metrics], header: bool) -> None:
    if not rows:
        return
    writer = csv.DictWriter(file, fieldnames=list(rows[0]))  # type: ignore[arg-type]
    if header:
        writer.writeheader()
    writer.writerows(rows)
