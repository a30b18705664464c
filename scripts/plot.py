"""Draws figures: `mamlrl plot curves runs/navigation2d --output curves.png`."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import yaml
from matplotlib.figure import Figure

from mamlrl.checkpoints import load_checkpoint
from mamlrl.config import build_config, config_parser, parse, set_config_defaults
from mamlrl.errors import UserError
from mamlrl.evaluation import evaluate
from mamlrl.metrics import Metrics, read_metrics
from mamlrl.plotting import adaptation_curves, learning_curves, navigation_paths
from mamlrl.scripts.evaluate import checkpoint_file
from mamlrl.scripts.main import run_program

PATH_TASKS = 4


def run(arguments: Sequence[str]) -> int:
    """Draws the figure that the command line asks for; returns the exit status."""
    parser = config_parser(prog="mamlrl plot", description="Draw figures.")
    parser.add_argument(
        "figure",
        type=Literal["curves", "adaptation", "paths"],
        help="curves: returns of run folders while training; adaptation: returns in files from evaluate --json; "
        "paths: 2D navigation of a checkpoint before and after adaptation.",
    )
    parser.add_argument("inputs", nargs="+", type=Path, help="Run folders, JSON files, or one checkpoint.")
    parser.add_argument("--output", type=Path, required=True, help="Image to write; its suffix says the format.")
    namespace = parse(parser, arguments)
    if namespace.figure == "curves":
        figure = learning_curves(_runs_by_config(namespace.inputs))
    elif namespace.figure == "adaptation":
        figure = adaptation_curves(_records_by_file(namespace.inputs))
    else:
        saved, state = load_checkpoint(checkpoint_file(namespace.inputs[0]))
        shown = replace(saved.evaluation, tasks=PATH_TASKS)
        set_config_defaults(parser, replace(saved, evaluation=shown))
        config = build_config(parser, parse(parser, arguments))
        figure = navigation_paths(evaluate(config, state["params"]))
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
        config = yaml.safe_load((folder / "config.yaml").read_text())
        label = labels.setdefault(str({**config, "seed": None}), folder.name)
        groups.setdefault(label, []).append(metrics)
    return groups


def _records_by_file(paths: Sequence[Path]) -> dict[str, list[dict[str, Any]]]:
    groups = {}
    for path in paths:
        try:
            groups[path.stem] = json.loads(path.read_text())
            groups[path.stem][0]["steps"][0]["mean"]
        except OSError as error:
            raise UserError(f"cannot read {path}: {error}") from None
        except (ValueError, LookupError, TypeError):
            raise UserError(f"{path} is not a file from `mamlrl evaluate --json`") from None
    return groups


def _save(figure: Figure, path: Path) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        figure.savefig(path, dpi=150)
    except (OSError, ValueError) as error:
        raise UserError(f"cannot write {path}: {error}") from None
    print(path)


if __name__ == "__main__":
    sys.exit(run_program(run))
