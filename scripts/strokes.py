"""Draws a data set of random strokes, laid out as Omniglot is: `mamlrl strokes --output data/strokes`."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

if not __package__:  # run as a file, perhaps of a checkout that is not installed
    sys.path.insert(0, str(Path(__file__).parents[1]))

from mamlrl.experiments.parser import argument_parser, parse
from mamlrl.scripts.program import run_program
from mamlrl.settings.numbers import PositiveInt, Seed
from mamlrl.supervised.strokes import write_strokes


def run(arguments: Sequence[str]) -> int:
    """Writes the data set that the command line describes; returns the exit status."""
    parser = argument_parser(
        prog="mamlrl strokes", description="Draw characters of random strokes, a generated stand-in for Omniglot."
    )
    parser.add_argument("--output", type=Path, required=True, help="Folder to write to.")
    parser.add_argument("--seed", type=Seed, default=0, help="Seed of all drawings.")
    parser.add_argument("--alphabets", type=PositiveInt, default=20, help="Number of alphabets.")
    parser.add_argument("--characters", type=PositiveInt, default=10, help="Number of characters in an alphabet.")
    parser.add_argument("--images", type=PositiveInt, default=20, help="Number of images of a character.")
    options = parse(parser, arguments)
    write_strokes(options.output, options.seed, options.alphabets, options.characters, options.images)
    print(options.output)
    return 0


if __name__ == "__main__":
    sys.exit(run_program(run))
