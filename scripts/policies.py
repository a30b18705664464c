"""Lists the published checkpoints, or shows the card of one: `mamlrl policies navigation2d`."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import yaml

if not __package__:  # run as a file, perhaps of a checkout that is not installed
    sys.path.insert(0, str(Path(__file__).parents[1]))

from mamlrl.experiments.command_line import CommandLine
from mamlrl.runs.published import published_card, published_checkpoint, published_names
from mamlrl.scripts.program import run_program

ABOUT = """List the checkpoints that come with the package.

Programs take them by their names, as they take checkpoints and run folders.
The card of one says how it was trained, what it reaches on held-out tasks,
and how that was measured."""
EXAMPLES = [
    "mamlrl policies",
    "mamlrl policies navigation2d",
    "mamlrl evaluate navigation2d",
    "mamlrl video half_cheetah_direction --output adaptation.mp4",
    "mamlrl evaluate half_cheetah_direction --evaluation.tasks 100",
]


def command_line() -> CommandLine:
    """Returns the program's command line."""
    line = CommandLine("mamlrl policies", ABOUT, EXAMPLES, takes_settings=False)
    line.add_argument("name", nargs="?", type=str, help="Name of the one whose card is shown.")
    return line


def run(arguments: Sequence[str]) -> int:
    """Prints what the command line asks for; returns the exit status."""
    line = command_line()
    name = line.parse(arguments).name
    line.refuse_settings("published checkpoints")
    if name is None:
        print("\n".join(_rows()))
    else:
        print(yaml.safe_dump(published_card(name), sort_keys=False, width=200, default_flow_style=None), end="")
    return 0


def _rows() -> Iterator[str]:
    """Yields a line for each checkpoint, which is listed by the shortest of its names."""
    names = {published_checkpoint(name): name for name in reversed(published_names())}
    width = max(map(len, names.values()))
    for name in reversed(names.values()):
        yield f"{name:<{width}}  {_result(published_card(name)['evaluation'])}"


def _result(evaluation: dict[str, Any]) -> str:
    means = evaluation["mean"]
    last = len(means) - 1
    shown = [f"{means[step]:.5g} after {step}" for step in sorted({0, min(1, last), last})]
    return f"{evaluation['metric']} {', '.join(shown)} steps"


if __name__ == "__main__":
    sys.exit(run_program(run))
