"""Draws a data set of real characters, laid out as Omniglot is: `mamlrl kanji --output data/kanji`."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

if not __package__:  # run as a file, perhaps of a checkout that is not installed
    sys.path.insert(0, str(Path(__file__).parents[1]))

from mamlrl.experiments.command_line import CommandLine
from mamlrl.scripts.program import run_program
from mamlrl.settings.numbers import PositiveInt, Seed
from mamlrl.supervised.kanji import CHARACTERS, write_kanji

ABOUT = """Draw real characters again and again, by an unsteady hand.

Their strokes are those of KanjiVG (copyright Ulrich Apel, CC BY-SA 3.0), which
`pip install 'mamlrl[kanji]'` installs. The folder is laid out as Omniglot is:
images_background holds the characters for training."""
EXAMPLES = [
    "mamlrl kanji --output data/kanji",
    "mamlrl kanji --output data/all --characters 6703 --images 40 --seed 1",
    "mamlrl train --config kanji_5way_1shot --data.folder data/kanji",
]


def command_line() -> CommandLine:
    """Returns the program's command line."""
    line = CommandLine("mamlrl kanji", ABOUT, EXAMPLES, takes_settings=False)
    line.add_argument("--output", type=Path, required=True, help="Folder to write to.")
    line.add_argument("--seed", type=Seed, default=0, help="Seed of all drawings.")
    about = "Number of characters, those with the fewest strokes first."
    line.add_argument("--characters", type=PositiveInt, default=CHARACTERS, help=about)
    line.add_argument("--images", type=PositiveInt, default=20, help="Number of images of a character.")
    return line


def run(arguments: Sequence[str]) -> int:
    """Writes the data set that the command line describes; returns the exit status."""
    line = command_line()
    options = line.parse(arguments)
    line.refuse_settings("kanji")
    write_kanji(options.output, options.seed, options.characters, options.images)
    print(options.output)
    return 0


if __name__ == "__main__":
    sys.exit(run_program(run))
