"""Draws figures: `mamlrl plot curves runs/navigation2d --output curves.png`."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Literal

from matplotlib.figure import Figure

if not __package__:  # run as a file, perhaps of a checkout that is not installed
    sys.path.insert(0, str(Path(__file__).parents[1]))

from mamlrl.errors import UserError
from mamlrl.evaluation.evaluation import Evaluation
from mamlrl.experiments.command_line import CommandLine
from mamlrl.figures.adaptation_curves import adaptation_curves
from mamlrl.figures.curve_files import runs_by_label
from mamlrl.figures.evaluation_files import records_by_label, records_by_shots
from mamlrl.figures.image_file import write_figure
from mamlrl.figures.learning_curves import learning_curves
from mamlrl.figures.navigation_paths import navigation_paths
from mamlrl.figures.regression_fits import regression_fits
from mamlrl.figures.shot_curves import shot_curves
from mamlrl.runs.saved import SavedRun
from mamlrl.scripts.program import add_allow_import, parse_allowing_imports, run_program

DRAWN_TASKS = 4
CHECKPOINT_FIGURES: dict[str, Callable[[Evaluation], Figure]] = {
    "paths": lambda evaluation: navigation_paths(evaluation.paths()),
    "fits": lambda evaluation: regression_fits(evaluation.fits()),
}


EXAMPLES = [
    "mamlrl plot curves runs/navigation2d/seed? --output curves.png",
    "mamlrl plot adaptation runs/navigation2d/evaluation.json --output adaptation.png",
    "mamlrl plot curves runs/navigation2d/seed0 --metric worst_return --output worst.png",
    "mamlrl plot shots shots.json --output shots.png",
    "mamlrl plot paths navigation2d --output paths.pdf",
    "mamlrl plot fits runs/sinusoid/seed0 --output fits.png --evaluation.shots 10",
]


def command_line() -> CommandLine:
    """Returns the program's command line."""
    line = CommandLine("mamlrl plot", "Draw figures of runs, evaluations and adapted networks.", EXAMPLES)
    line.add_argument(
        "figure",
        type=Literal["curves", "adaptation", "shots", "paths", "fits"],
        help="curves: returns of run folders while training; adaptation: returns in files from evaluate --json; "
        "shots: the same over the numbers of evaluate --shots; "
        "paths: 2D navigation of a checkpoint before and after adaptation; fits: the same of curves.",
    )
    line.add_argument("inputs", nargs="+", type=Path, help="Run folders, JSON files, or one checkpoint.")
    line.add_argument(
        "--metric",
        type=str | None,
        help="What curves, adaptation and shots show in place of the return, such as success or return_std.",
    )
    line.add_argument("--output", type=Path, required=True, help="Image to write; its suffix says the format.")
    add_allow_import(line)
    return line


def run(arguments: Sequence[str]) -> int:
    """Draws the figure that the command line asks for; returns the exit status."""
    line = command_line()
    options = parse_allowing_imports(line, arguments)
    if options.figure not in CHECKPOINT_FIGURES:
        line.refuse_settings(f"{options.figure} figures")
    elif options.metric is not None:
        raise UserError(f"metric: {options.figure} figures show no metric; leave it out")
    if options.figure == "curves":
        figure = learning_curves(runs_by_label(options.inputs, options.metric), options.metric)
    elif options.figure == "adaptation":
        figure = adaptation_curves(records_by_label(options.inputs, options.metric))
    elif options.figure == "shots":
        figure = shot_curves(records_by_shots(options.inputs, options.metric))
    else:
        if len(options.inputs) > 1:
            raise UserError(f"inputs: {options.figure} are of one checkpoint, not of {len(options.inputs)}")
        figure = CHECKPOINT_FIGURES[options.figure](_evaluate_few(line, options.inputs[0]))
    write_figure(figure, options.output)
    print(options.output)
    return 0


def _evaluate_few(line: CommandLine, path: Path) -> Evaluation:
    """Evaluates a checkpoint on as many tasks as a figure shows."""
    saved = SavedRun.load(path)
    few = replace(saved.experiment.evaluation, tasks=DRAWN_TASKS)
    return saved.evaluate(line.experiment(replace(saved.experiment, evaluation=few)))


if __name__ == "__main__":
    sys.exit(run_program(run))
