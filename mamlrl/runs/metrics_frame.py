"""Metrics of a run as a table of pandas, which is optional."""

from __future__ import annotations

import os
from importlib import import_module
from pathlib import Path
from typing import Any

from mamlrl.errors import UserError
from mamlrl.files import AnyPath
from mamlrl.metric_names import ITERATION
from mamlrl.runs.metrics_file import METRICS, read_metrics


def metrics_frame(run: AnyPath) -> Any:
    """Returns the metrics of a run as a `pandas.DataFrame`: a row for each iteration, a column for each metric.

    Args:
        run: A run folder, or a metrics CSV.

    Returns:
        The table; its index is the iteration.

    Raises:
        UserError: If there are no metrics, or pandas is not installed.

    Example:
        >>> import mamlrl
        >>> mamlrl.metrics_frame("runs/navigation2d")["return/step_1"].plot()  # doctest: +SKIP
    """
    rows = read_metrics(Path(run) / METRICS if os.path.isdir(run) else Path(run))
    try:
        pandas = import_module("pandas")
    except ImportError as error:
        raise UserError("pandas is not installed; pip install 'mamlrl[pandas]'") from error
    frame = pandas.DataFrame(rows, columns=list(rows[0]) if rows else [ITERATION])
    return frame.astype({ITERATION: int}).set_index(ITERATION)
