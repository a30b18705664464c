"""What is drawn of evaluations: read from their files, and checked, before anything is drawn."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from math import isfinite
from pathlib import Path
from typing import Any

from mamlrl.errors import UserError, suggestion
from mamlrl.evaluation.evaluation import row_keys
from mamlrl.figures.curve_files import check_one_metric, label_of

DEFAULT_METRIC = "return"  # of files of earlier versions
PROTOCOL = (
    *("metric", "env", "dataset", "sampling_unit", "episodes_per_task", "deterministic", "info", "queries"),
)

Records = list[dict[str, Any]]


def records_by_label(paths: Sequence[Path], metric: str | None = None) -> dict[str, Records]:
    """Returns the evaluations in files from `mamlrl evaluate --json`, labelled by the file.

    Args:
        paths: The files.
        metric: What is to be drawn; rows have it as their mean. By default, what the evaluations report first.

    Raises:
        UserError: If a file is none, or given twice, if its evaluations are not of the same kind, if files
            report different metrics, or one lacks the metric.
    """
    return _labelled(paths, _check_alike, metric)


def records_by_shots(paths: Sequence[Path], metric: str | None = None) -> dict[str, dict[int, Records]]:
    """Returns the evaluations in files from `mamlrl evaluate --shots --json`, by file and by number of shots.

    Args:
        paths: The files.
        metric: See `records_by_label`.

    Raises:
        UserError: See `records_by_label`; or if an evaluation does not say its shots, or numbers of shots have
            different numbers of evaluations.
    """
    labelled = _labelled(paths, _check_alike_but_for_shots, metric)
    return {label: _by_shots(records) for label, records in labelled.items()}


def _labelled(paths: Sequence[Path], check: Callable[[Records], None], metric: str | None) -> dict[str, Records]:
    for index, path in enumerate(paths):
        if path in paths[:index]:
            raise UserError(f"{path} is given twice; leave one of them out")
    groups = {label_of(path, paths): _read_records(path, check) for path in paths}
    if metric is not None:
        return {label: [_of_metric(record, metric, label) for record in groups[label]] for label in groups}
    check_one_metric({label: records[0].get("metric", DEFAULT_METRIC) for label, records in groups.items()})
    return groups


def _of_metric(record: dict[str, Any], metric: str, label: str) -> dict[str, Any]:
    """Returns an evaluation whose rows have another metric as their mean, as if it was the one to report."""
    reported, rows = record.get("metric", DEFAULT_METRIC), []
    mean_key, interval_key = row_keys(metric, reported)
    for row in record["steps"]:
        mean, width = row.get(mean_key), row.get(interval_key)
        if not _is_number(mean) or not (width is None or _is_number(width)):
            numbers = [key for key in row if _is_number(row[key]) and not key.endswith("interval_95")]
            names = [reported, *(key for key in numbers if key not in ("step", "mean"))]
            nearest = suggestion(metric, names) or f"; there are: {', '.join(names)}"
            raise UserError(f"metric: {label} has no metric {metric}{nearest}")
        rows.append({"step": row.get("step"), "mean": mean, "interval_95": width})
    return {**record, "metric": metric, "steps": rows}


def _read_records(path: Path, check: Callable[[Records], None]) -> Records:
    try:
        records = json.loads(path.read_bytes().decode("utf-8-sig"))
        if not isinstance(records, list) or not records:
            raise ValueError("it is no list of evaluations")
        for number, record in enumerate(records, 1):
            _check_record(record, f"evaluation {number}")
        check(records)
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


def _by_shots(records: Sequence[dict[str, Any]]) -> dict[int, Records]:
    groups: dict[int, Records] = {}
    for record in records:
        groups.setdefault(record["shots"], []).append(record)
    return groups


def _check_alike_but_for_shots(records: Sequence[dict[str, Any]]) -> None:
    """Raises for evaluations that make no curve over shots."""
    for number, record in enumerate(records, 1):
        shots = record.get("shots")
        if isinstance(shots, bool) or not isinstance(shots, int) or shots < 1:
            raise ValueError(f"evaluation {number} does not say its shots; evaluate with --shots")
    groups = _by_shots(records)
    for group in groups.values():
        _check_alike(group)
    _check_same([group[0] for group in groups.values()], PROTOCOL)
    counts = {shots: len(group) for shots, group in groups.items()}
    if len(set(counts.values())) > 1:
        texts = [f"{count} of {shots} shots" for shots, count in counts.items()]
        raise ValueError(f"there are {' and '.join(texts)} evaluations, not equally many")


def _check_alike(records: Sequence[Mapping[str, Any]]) -> None:
    """Raises for evaluations whose mean would mean nothing."""
    _check_same(records, (*PROTOCOL, "shots"))
    for number, record in enumerate(records, 1):
        if any(record["steps"] == other["steps"] for other in records[: number - 1]):
            raise ValueError(f"evaluation {number} is a copy of another, and no further sample")


def _check_same(records: Sequence[Mapping[str, Any]], keys: Sequence[str]) -> None:
    first = records[0]
    for number, record in enumerate(records[1:], 2):
        if len(record["steps"]) != len(first["steps"]):
            raise ValueError(f"evaluations 1 and {number} differ in steps")
        for key in keys:
            if record.get(key) != first.get(key):
                remedy = "; draw them with mamlrl plot shots" if key == "shots" else ""
                raise ValueError(f"evaluations 1 and {number} differ in {key}{remedy}")
