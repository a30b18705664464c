"""A program with options of every sort beside those of an experiment."""

from dataclasses import dataclass
from pathlib import Path

import pytest

from mamlrl.errors import UserError
from mamlrl.experiments.command_line import CommandLine
from mamlrl.settings.numbers import PositiveInt


@dataclass(frozen=True)
class Picture:
    """How to draw.

    Attributes:
        size: Of it.
        speed: Of it.
    """

    size: PositiveInt = 64
    speed: float = 1.0


def program():
    """A program with options of every sort."""
    command_line = CommandLine("mamlrl test", "Test.")
    command_line.add_argument("inputs", nargs="*", type=Path, help="What to read.")
    command_line.add_argument("--output", type=Path, required=True, help="What to write.")
    command_line.add_argument("--resume", action="store_true", help="Go on.")
    command_line.add_argument("--offset", type=float, default=0.0, help="Any number.")
    command_line.add_argument("--tasks", nargs="+", type=int, default=[0], help="Which tasks.")
    command_line.add_class_arguments(Picture)
    return command_line


def parsed(*arguments, saved=None):
    command_line = program()
    options = command_line.parse(arguments)
    return options, command_line.experiment(saved)


def refused(*arguments, saved=None):
    """The message of the error."""
    with pytest.raises(UserError) as raised:
        parsed(*arguments, saved=saved)
    assert "\n" not in str(raised.value)
    return str(raised.value)
