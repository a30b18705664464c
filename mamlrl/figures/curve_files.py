"""What is drawn of runs and of evaluations: read from their files, and checked, before anything is drawn."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from math import isfinite
from pathlib import Path
from typing import Any, NamedTuple

from mamlrl.errors import UserError
from mamlrl.experiments.differences import training_differences
from mamlrl.experiments.experiment import Experiment
from mamlrl.experiments.plain import restore_experiment
from mamlrl.metric_names import ITERATION, Metrics, after_step, headline, steps_of
from mamlrl.runs.metrics_file import read_metrics
from mamlrl.settings.plain_yaml import load, read_text

DEFAULT_METRIC = "return"  # of files of earlier versions


class Run(NamedTuple):
    """A run that can be drawn."""

    folder: Path
    experiment: Experiment
    rows: list[Metrics]


def runs_by_label(folders: Sequence[Path]) -> dict[str, list[list[Metrics]]]:
    """Returns the metrics of runs; those that differ in their seed alone are together, labelled by the first.

    Raises:
        UserError: If a folder is no run, its files are damaged, two runs are copies of one, or they report
            different metrics.
    """
    groups: list[list[Run]] = []
    for folder in folders:
        rows = _read_rows(folder)
        run = Run(folder, _read_config(folder / "config.yaml"), rows)
        same = (group for group in groups if not training_differences(group[0].experiment, run.experiment))
        group = next(same, None)
        if group is None:
            groups.append(group := [])
        _check_seed(group, run)
        group.append(run)
    _check_one_metric({str(group[0].folder): headline(group[0].rows[0]) for group in groups})
    return {label_of(group[0].folder, folders): [run.rows for run in group] for group in groups}


def label_of(path: Path, paths: Sequence[Path]) -> str:
    """Returns the name of a path without its suffix, or the whole path where another has the same name."""
    name = path.name if os.path.isdir(path) else path.stem
    return name if [other.name for other in paths].count(path.name) == 1 else str(path)


def _read_config(path: Path) -> Experiment:
    try:
        return restore_experiment(load(read_text(path)))
    except (OSError, ValueError) as error:
        raise UserError(f"cannot read {path}: {' '.join(str(error).split())}") from error
    except UserError as error:
        raise UserError(f"{path} is not the config of a run: {error}") from error


def _read_rows(folder: Path) -> list[Metrics]:
    path = folder / "metrics.csv"
    rows = read_metrics(path)
    if not rows:
        raise UserError(f"{folder} has no finished meta-iteration to draw")
    try:
        steps = steps_of(headline(rows[0]), rows[0])
    except (ValueError, TypeError) as error:
        raise _not_metrics(path, f"no column is named METRIC{after_step('', 0)}, such as return/step_0") from error
    if list(steps) != list(range(len(steps))):
        raise _not_metrics(path, f"the columns are of steps {', '.join(map(str, steps))}, not of all from 0 on")
    before = 0.0
    for row in rows:
        iteration = row[ITERATION]
        if not (iteration > before and isfinite(iteration) and iteration.is_integer()):
            raise _not_metrics(path, f"the row of iteration {iteration:g} follows that of {before:g}")
        wrong = next((name for name in steps.values() if not isfinite(row[name])), None)
        if wrong is not None:
            raise _not_metrics(path, f"{wrong} of iteration {iteration:g} is {row[wrong]}")
        before = iteration
    return rows


def _not_metrics(path: Path, fault: str) -> UserError:
    return UserError(f"{path} is not a metrics CSV to draw: {fault}; take it as `mamlrl train` wrote it")


def _check_seed(group: Sequence[Run], run: Run) -> None:
    for other in group:
        if other.experiment.seed == run.experiment.seed:
            raise UserError(
                f"{other.folder} and {run.folder} are runs of the same settings and the same seed "
                f"({run.experiment.seed}), and no two samples; leave one of them out"
            )


def _check_one_metric(metrics: Mapping[str, str]) -> None:
    """Raises for metrics, by what reports them, that cannot share an axis."""
    (first, metric), *others = metrics.items()
    for other, another in others:
        if another != metric:
            raise UserError(f"{first} reports {metric}, {other} {another}; draw them in figures of their own")


def records_by_label(paths: Sequence[Path]) -> dict[str, list[dict[str, Any]]]:
    """Returns the evaluations in files from `mamlrl evaluate --json`, labelled by the file.

    Raises:
        UserError: If a file is none, or given twice, if its evaluations are not of the same kind, or if files
            report different metrics.
    """
    for index, path in enumerate(paths):
        if path in paths[:index]:
            raise UserError(f"{path} is given twice; leave one of them out")
    groups = {label_of(path, paths): _read_records(path) for path in paths}
    _check_one_metric({label: records[0].get("metric", DEFAULT_METRIC) for label, records in groups.items()})
    return groups


def _read_records(path: Path) -> list[dict[str, Any]]:
    try:
        records = json.loads(path.read_bytes().decode("utf-8-sig"))
        if not isinstance(records, list) or not records:
            raise ValueError("it is no list of evaluations")
        for number, record in enumerate(records, 1):
            _check_record(record, f"evaluation {number}")
        _check_alike(records)
    except OSError as error:
        raise UserError(f"cannot read {path}: {error}") from error
    except (ValueError, RecursionError) as error:
        reason = " ".join(str(error).split())
        raise UserError(f"{path} is not a file from `mamlrl evaluate --json` to draw: {reason}") from error
    return records


def _check_record(record: Any, name: str) -> None:
    rows = record.get("steps") if isinstance(record, dict) else None
    if not isinstance(rows, list) or not rows or not isinstance(record.get("metric", DEFAULT_METRIC), str):
        raise ValueError(f"{name} has no steps, or no name of a metric")
    for step, row in enumerate(rows):
        if not isinstance(row, dict) or row.get("step", step) != step:
            raise ValueError(f"{name} has no row of step {step} where it should be")
        mean, width = row.get("mean"), row.get("interval_95", "missing")
        if not _is_number(mean) or not (width is None or (_is_number(width) and width >= 0)):
            raise ValueError(f"{name}, step {step}: mean {mean}, interval_95 {width} are no numbers to draw")


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and isfinite(value)


def _check_alike(records: Sequence[Mapping[str, Any]]) -> None:
    """Raises for evaluations whose mean would mean nothing."""
    first = records[0]
    for number, record in enumerate(records[1:], 2):
        if len(record["steps"]) != len(first["steps"]):
            raise ValueError(f"evaluations 1 and {number} differ in steps")
        for key in ("metric", "env", "dataset", "sampling_unit", "episodes_per_task", "shots", "queries"):
            if record.get(key) != first.get(key):
                raise ValueError(f"evaluations 1 and {number} differ in {key}")
        if any(record["steps"] == other["steps"] for other in records[: number - 1]):
            raise ValueError(f"evaluation {number} is a copy of another, and no further sample")
