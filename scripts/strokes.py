"""Draws a data set of random strokes, laid out as Omniglot is: `mamlrl strokes --output data/strokes`."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

if not __package__:  # run as a file, perhaps of a checkout that is not installed
    sys.path.insert(0, str(Path(__file__).parents[1]))

from mamlrl.experiments.command_line import CommandLine
from mamlrl.scripts.program import run_program
from mamlrl.settings.numbers import PositiveInt, Seed
from mamlrl.supervised.strokes import write_strokes

ABOUT = """Draw characters of random strokes, a generated stand-in for Omniglot.

The folder is laid out as Omniglot is: images_background holds three fifths of
the alphabets, images_evaluation the others."""
EXAMPLES = [
    "mamlrl strokes --output data/strokes",
    "mamlrl strokes --output data/few --alphabets 5 --characters 8 --seed 1",
    "mamlrl strokes --output data/many --images 40",
    "mamlrl train --config strokes --data.folder data/strokes",
]


def command_line() -> CommandLine:
    """Returns the program's command line."""
    line = CommandLine("mamlrl strokes", ABOUT, EXAMPLES, takes_settings=False)
    line.add_argument("--output", type=Path, required=True, help="Folder to write to.")
    line.add_argument("--seed", type=Seed, default=0, help="Seed of all drawings.")
    line.add_argument("--alphabets", type=PositiveInt, default=20, help="Number of alphabets.")
    line.add_argument("--characters", type=PositiveInt, default=10, help="Number of characters in an alphabet.")
    line.add_argument("--images", type=PositiveInt, default=20, help="Number of images of a character.")
    return line


def run(arguments: Sequence[str]) -> int:
    """Writes the data set that the command line describes; returns the exit status."""
    line = command_line()
    options = line.parse(arguments)
    line.refuse_settings("strokes")
    write_strokes(options.output, options.seed, options.alphabets, options.characters, options.images)
    print(options.output)
    return 0


if __name__ == "__main__":
    sys.exit(run_program(run))
