"""Classifies held-out images by nearest neighbours on pixels: `mamlrl neighbours --config kanji_5way_1shot`."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path

if not __package__:  # run as a file, perhaps of a checkout that is not installed
    sys.path.insert(0, str(Path(__file__).parents[1]))

from mamlrl import __version__
from mamlrl.errors import UserError
from mamlrl.evaluation.neighbours import evaluate_neighbours
from mamlrl.experiments.command_line import CommandLine
from mamlrl.experiments.supervised import SupervisedExperiment
from mamlrl.files import write_text
from mamlrl.scripts.program import run_program

ABOUT = """Classify held-out images by nearest neighbours of their pixels.

It is the baseline without any learning, on the tasks that `mamlrl evaluate`
adapts to: an image is of the class of the example that is nearest to it."""
EXAMPLES = [
    "mamlrl neighbours --config kanji_5way_1shot",
    "mamlrl neighbours --config kanji_20way_5shot --evaluation.tasks 100 --json neighbours.json",
]


def command_line() -> CommandLine:
    """Returns the program's command line."""
    line = CommandLine("mamlrl neighbours", ABOUT, EXAMPLES)
    line.add_argument("--json", type=Path, help="File to write everything to.")
    return line


def run(arguments: Sequence[str]) -> int:
    """Evaluates on the tasks of the experiment that the command line names; returns the exit status."""
    line = command_line()
    options = line.parse(arguments)
    experiment = line.experiment()
    if not isinstance(experiment, SupervisedExperiment):
        raise UserError(
            f"kind: {experiment.kind} has no images; name a --config of images, such as kanji_5way_1shot"
        )
    evaluation = evaluate_neighbours(experiment)
    (row,) = evaluation.summary()
    interval = "" if row["interval_95"] is None else f" +- {row['interval_95']:.{evaluation.decimals}f}"
    print(f"nearest neighbours; {evaluation.sample_size()}, mean accuracy and 95% interval over tasks")
    print(f"  {row['mean']:.{evaluation.decimals}f}{interval}")
    if options.json:
        record = {
            "mamlrl_version": __version__,
            "evaluation_seed": experiment.evaluation.seed,
            "metric": evaluation.metric,
            **evaluation.protocol(),
            "steps": [row],
        }
        write_text(options.json, json.dumps([record], indent=1) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(run_program(run))
