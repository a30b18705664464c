"""Draws figures: `mamlrl plot curves runs/navigation2d --output curves.png`."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
import yaml
from matplotlib.figure import Figure
from numpy.typing import NDArray

if not __package__:  # run as a file, perhaps of a checkout that is not installed
    sys.path.insert(0, str(Path(__file__).parents[1]))

from mamlrl.errors import UserError
from mamlrl.evaluation.evaluation import Evaluation
from mamlrl.experiments.command_line import CommandLine
from mamlrl.experiments.experiment import Experiment
from mamlrl.experiments.plain import restore_experiment
from mamlrl.figures.adaptation_curves import adaptation_curves
from mamlrl.figures.image_file import write_figure
from mamlrl.figures.learning_curves import learning_curves
from mamlrl.figures.navigation_paths import navigation_paths
from mamlrl.figures.regression_fits import regression_fits
from mamlrl.metric_names import Metrics
from mamlrl.runs.metrics_file import read_metrics
from mamlrl.runs.saved import SavedRun
from mamlrl.scripts.program import run_program

DRAWN_TASKS = 4
CHECKPOINT_FIGURES: dict[str, Callable[[Evaluation], Figure]] = {
    "paths": lambda evaluation: navigation_paths(evaluation.paths()),
    "fits": lambda evaluation: regression_fits(evaluation.fits()),
}


def run(arguments: Sequence[str]) -> int:
    """Draws the figure that the command line asks for; returns the exit status."""
    command_line = CommandLine("mamlrl plot", "Draw figures.")
    command_line.add_argument(
        "figure",
        type=Literal["curves", "adaptation", "paths", "fits"],
        help="curves: returns of run folders while training; adaptation: returns in files from evaluate --json; "
        "paths: 2D navigation of a checkpoint before and after adaptation; fits: the same of curves.",
    )
    command_line.add_argument("inputs", nargs="+", type=Path, help="Run folders, JSON files, or one checkpoint.")
    command_line.add_argument(
        "--output", type=Path, required=True, help="Image to write; its suffix says the format."
    )
    options = command_line.parse(arguments)
    if options.figure == "curves":
        figure = learning_curves(_runs_by_config(options.inputs))
    elif options.figure == "adaptation":
        figure = adaptation_curves(_records_by_file(options.inputs))
    else:
        figure = CHECKPOINT_FIGURES[options.figure](_evaluate_few(command_line, options.inputs[0]))
    write_figure(figure, options.output)
    print(options.output)
    return 0


def _evaluate_few(command_line: CommandLine, path: Path) -> Evaluation:
    """Evaluates a checkpoint on as many tasks as a figure shows."""
    saved = SavedRun.load(path)
    few = replace(saved.experiment.evaluation, tasks=DRAWN_TASKS)
    return saved.evaluate(command_line.experiment(replace(saved.experiment, evaluation=few)))


def _runs_by_config(folders: Sequence[Path]) -> dict[str, list[list[Metrics]]]:
    """Groups runs that differ only in their seed, labelled by their first folder."""
    labels: dict[str, str] = {}
    groups: dict[str, list[list[Metrics]]] = {}
    for folder in folders:
        metrics = read_metrics(folder / "metrics.csv")
        if not metrics:
            raise UserError(f"{folder} has no finished meta-iteration to draw")
        experiment = replace(_read_config(folder / "config.yaml"), seed=0)
        label = labels.setdefault(str(experiment), _label(folder, folder.name, folders))
        groups.setdefault(label, []).append(metrics)
    return groups


def _label(path: Path, name: str, paths: Sequence[Path]) -> str:
    """The name of a path, or the whole path where another has the same name."""
    return name if [other.name for other in paths].count(path.name) == 1 else str(path)


def _read_config(path: Path) -> Experiment:
    try:
        return restore_experiment(yaml.safe_load(path.read_text()))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise UserError(f"cannot read {path}: {' '.join(str(error).split())}") from error
    except UserError as error:
        raise UserError(f"{path} is not the config of a run: {error}") from error


def _records_by_file(paths: Sequence[Path]) -> dict[str, list[dict[str, Any]]]:
    groups = {}
    for path in paths:
        try:
            records = json.loads(path.read_text())
            shapes = {_curve(record).shape for record in records}
        except OSError as error:
            raise UserError(f"cannot read {path}: {error}") from error
        except (ValueError, LookupError, TypeError):
            shapes = set()
        if len(shapes) != 1 or (0,) in shapes:
            raise UserError(
                f"{path} is not a file from `mamlrl evaluate --json`, or its evaluations differ in steps"
            )
        groups[_label(path, path.stem, paths)] = records
    return groups


def _curve(record: Mapping[str, Any]) -> NDArray[np.float64]:
    """Means and half widths of an evaluation; raises what Python raises if the record is not one."""
    return np.array([[row["mean"], row["interval_95"] or 0.0] for row in record["steps"]], dtype=np.float64)


if __name__ == "__main__":
    sys.exit(run_program(run))
