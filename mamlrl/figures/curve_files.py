"""What is drawn of runs: read from their files, and checked, before anything is drawn."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from math import isfinite
from pathlib import Path
from typing import NamedTuple

from mamlrl.errors import UserError, suggestion
from mamlrl.experiments.differences import training_differences
from mamlrl.experiments.experiment import Experiment
from mamlrl.experiments.plain import restore_experiment
from mamlrl.figures.style import columns_of
from mamlrl.metric_names import ITERATION, WALL_TIME, Metrics, after_step, headline, names_of, steps_of
from mamlrl.runs.metrics_file import read_metrics
from mamlrl.settings.plain_yaml import load, read_text

SEED = re.compile(r"seed\d+")  # name of a run's folder among several seeds


class Run(NamedTuple):
    """A run that can be drawn."""

    folder: Path
    experiment: Experiment
    rows: list[Metrics]


def runs_by_label(folders: Sequence[Path], metric: str | None = None) -> dict[str, list[list[Metrics]]]:
    """Returns the metrics of runs; those that differ in their seed alone are together.

    Those that `mamlrl train --seeds` made together are labelled by their common folder; others by their first.

    Args:
        folders: Run folders.
        metric: What is to be drawn; by default, what the runs report first.

    Raises:
        UserError: If a folder is no run, its files are damaged, two runs are copies of one, they report
            different metrics, or one has no number for the metric.
    """
    groups: list[list[Run]] = []
    for folder in folders:
        rows = _read_rows(folder)
        _check_has(folder, rows, metric)
        run = Run(folder, _read_config(folder / "config.yaml"), rows)
        same = (group for group in groups if not training_differences(group[0].experiment, run.experiment))
        group = next(same, None)
        if group is None:
            groups.append(group := [])
        _check_seed(group, run)
        group.append(run)
    if metric is None:
        check_one_metric({str(group[0].folder): headline(group[0].rows[0]) for group in groups})
    places = [_place([run.folder for run in group]) for group in groups]
    if len(set(places)) < len(places):  # different experiments in one folder
        places = [group[0].folder for group in groups]
    labels = [label_of(place, places) for place in places]
    return {label: [run.rows for run in group] for label, group in zip(labels, groups, strict=True)}


def _place(folders: Sequence[Path]) -> Path:
    """Returns the folder that `mamlrl train --seeds` gave to several runs, or the first one's own."""
    parents = {folder.absolute().parent for folder in folders}
    together = len(folders) > 1 and len(parents) == 1 and all(SEED.fullmatch(folder.name) for folder in folders)
    return parents.pop() if together else folders[0]


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


def _check_has(folder: Path, rows: Sequence[Metrics], metric: str | None) -> None:
    """Refuses a metric that a run has no finite number for."""
    if metric is None:
        return
    names = [name for name in names_of(rows[0]) if name not in (ITERATION, WALL_TIME)]
    if metric not in names:
        nearest = suggestion(metric, names) or f"; there are: {', '.join(names)}"
        raise UserError(f"metric: {folder} has no metric {metric}{nearest}")
    columns = columns_of(metric, rows[0]).values()
    if not any(isfinite(row[column]) for row in rows for column in columns):
        raise UserError(f"metric: {folder} has no number for {metric}")


def _not_metrics(path: Path, fault: str) -> UserError:
    return UserError(f"{path} is not a metrics CSV to draw: {fault}; take it as `mamlrl train` wrote it")


def _check_seed(group: Sequence[Run], run: Run) -> None:
    for other in group:
        if other.experiment.seed == run.experiment.seed:
            raise UserError(
                f"{other.folder} and {run.folder} are runs of the same settings and the same seed "
                f"({run.experiment.seed}), and no two samples; leave one of them out"
            )


def check_one_metric(metrics: Mapping[str, str]) -> None:
    """Raises for metrics, by what reports them, that cannot share an axis."""
    (first, metric), *others = metrics.items()
    for other, another in others:
        if another != metric:
            raise UserError(f"{first} reports {metric}, {other} {another}; draw them in figures of their own")
