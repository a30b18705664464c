"""Draws figures: `mamlrl plot curves runs/navigation2d --output curves.png`."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
import yaml
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from numpy.typing import NDArray

from mamlrl.errors import UserError
from mamlrl.experiments.files import build_config, config_parser, parse, set_config_defaults
from mamlrl.figures.plotting import adaptation_curves, learning_curves, navigation_paths, regression_fits
from mamlrl.runs.checkpoints import load_checkpoint
from mamlrl.runs.metrics_file import Metrics, read_metrics
from mamlrl.scripts.evaluate import checkpoint_file, evaluate_checkpoint
from mamlrl.scripts.main import run_program

DRAWN_TASKS = 4
CHECKPOINT_FIGURES = {"paths": navigation_paths, "fits": regression_fits}


def run(arguments: Sequence[str]) -> int:
    """Draws the figure that the command line asks for; returns the exit status."""
    parser = config_parser(prog="mamlrl plot", description="Draw figures.")
    parser.add_argument(
        "figure",
        type=Literal["curves", "adaptation", "paths", "fits"],
        help="curves: returns of run folders while training; adaptation: returns in files from evaluate --json; "
        "paths: 2D navigation of a checkpoint before and after adaptation; fits: the same of curves.",
    )
    parser.add_argument("inputs", nargs="+", type=Path, help="Run folders, JSON files, or one checkpoint.")
    parser.add_argument("--output", type=Path, required=True, help="Image to write; its suffix says the format.")
    namespace = parse(parser, arguments)
    if namespace.figure == "curves":
        figure = learning_curves(_runs_by_config(namespace.inputs))
    elif namespace.figure == "adaptation":
        figure = adaptation_curves(_records_by_file(namespace.inputs))
    else:
        path = checkpoint_file(namespace.inputs[0])
        saved, state = load_checkpoint(path)
        shown = replace(saved.evaluation, tasks=DRAWN_TASKS)
        set_config_defaults(parser, replace(saved, evaluation=shown))
        config = build_config(parser, parse(parser, arguments))
        figure = CHECKPOINT_FIGURES[namespace.figure](evaluate_checkpoint(path, config, state))
    _save(figure, namespace.output)
    return 0


def _runs_by_config(folders: Sequence[Path]) -> dict[str, list[list[Metrics]]]:
    """Groups runs that differ only in their seed, labelled by their first folder."""
    labels: dict[str, str] = {}
    groups: dict[str, list[list[Metrics]]] = {}
    for folder in folders:
        metrics = read_metrics(folder / "metrics.csv")
        if not metrics:
            raise UserError(f"{folder} has no finished meta-iteration to draw")
        label = labels.setdefault(
            str({**_read_config(folder / "config.yaml"), "seed": None}), _label(folder, folder.name, folders)
        )
        groups.setdefault(label, []).append(metrics)
    return groups


def _label(path: Path, name: str, paths: Sequence[Path]) -> str:
    """The name of a path, or the whole path where another has the same name."""
    return name if [other.name for other in paths].count(path.name) == 1 else str(path)


def _read_config(path: Path) -> dict[str, Any]:
    try:
        config = yaml.safe_load(path.read_text())
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise UserError(f"cannot read {path}: {' '.join(str(error).split())}") from None
    if not isinstance(config, dict):
        raise UserError(f"{path} is not the config of a run")
    return config


def _records_by_file(paths: Sequence[Path]) -> dict[str, list[dict[str, Any]]]:
    groups = {}
    for path in paths:
        try:
            records = json.loads(path.read_text())
            shapes = {_curve(record).shape for record in records}
        except OSError as error:
            raise UserError(f"cannot read {path}: {error}") from None
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


def _save(figure: Figure, path: Path) -> None:
    formats = FigureCanvasAgg(figure).get_supported_filetypes()
    if path.suffix.removeprefix(".").lower() not in formats:
        raise UserError(f"cannot write {path}: its suffix must be one of {', '.join(sorted(formats))}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        figure.savefig(path, dpi=150)
    except (OSError, ValueError) as error:
        raise UserError(f"cannot write {path}: {error}") from None
    print(path)


if __name__ == "__main__":
    sys.exit(run_program(run))
