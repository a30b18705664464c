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
        _drop_rows_after(self._path, iteration)
        shutil.rmtree(folder / "tensorboard", ignore_errors=True)
        self._events = SummaryWriter(str(folder / "tensorboard"))
        for row in read_metrics(self._path):
            self._add_events(row)

    def write(self, metrics: Metrics) -> None:
        """Appends the metrics of one iteration.

        Raises:
            UserError: If the file cannot be written.
        """
        try:
            with open(self._path, "a", newline="") as file:
                writer = csv.DictWriter(file, fieldnames=list(metrics))
                if file.tell() == 0:
                    writer.writeheader()
                writer.writerow(metrics)
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            raise UserError(f"cannot write metrics {self._path}: {error}; the last checkpoint is kept") from None
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
        return [{name: float(value) for name, value in row.items()} for row in csv.DictReader(_whole_lines(path))]
    except FileNotFoundError:
        raise UserError(f"no metrics at {path}") from None
    except (OSError, ValueError, TypeError) as error:
        raise UserError(f"{path} is not a metrics CSV: {error}") from None


def _whole_lines(path: Path) -> list[str]:
    with open(path, newline="") as file:
        return [line for line in file if line.endswith("\n")]


def _drop_rows_after(path: Path, iteration: int) -> None:
    """Keeps the header and the rows up to an iteration to the letter; the first column is the iteration."""
    lines = _whole_lines(path) if path.exists() and iteration else []
    kept = lines[:1] + [line for line in lines[1:] if int(line.split(",", 1)[0]) <= iteration]
    temporary = path.with_name(path.name + ".tmp")
    temporary.write_text("".join(kept), newline="")
    os.replace(temporary, path)
