"""Options of programs that take tasks which a user names: `--task 0.3 -0.2 --task 0.1 0.4`, or `--tasks-file`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from jsonargparse import Namespace

from mamlrl.errors import UserError
from mamlrl.evaluation.tasks import read_tasks
from mamlrl.experiments.command_line import CommandLine


def add_task_options(line: CommandLine) -> None:
    """Adds the options that name tasks."""
    line.add_argument(
        "--task",
        nargs="+",
        action="append",
        type=str,
        metavar="NUMBER",
        help="Parameters of a task, rather than held-out tasks; given again, of another one.",
    )
    line.add_argument(
        "--tasks_file",
        "--tasks-file",
        type=Path,
        help="File with the parameters of tasks: .npy, .csv or .yaml, a row of numbers for each.",
    )


def plain_numbers(arguments: Sequence[str]) -> list[str]:
    """Writes numbers such as -1e-3 as -0.001, since the parser takes the former for an option."""
    return [_plain(argument) if argument.startswith("-") else argument for argument in arguments]


def _plain(argument: str) -> str:
    try:
        number = float(argument)
    except ValueError:
        return argument
    return np.format_float_positional(number, trim="-") if np.isfinite(number) else argument


def named_tasks(line: CommandLine, options: Namespace) -> list[Any] | None:
    """Returns the tasks that a command line names, to be checked when they are used; None if it names none.

    Args:
        line: The command line.
        options: What it was parsed to.

    Raises:
        UserError: If it names them in two ways, or says how many are to be drawn, or they are no numbers, or the
            file cannot be read.
    """
    if options.task is None and options.tasks_file is None:
        return None
    if line.sets("evaluation.tasks"):
        raise UserError("evaluation.tasks: is the number of tasks to draw, but these are named; leave it out")
    if options.task is None:
        return read_tasks(options.tasks_file)
    if options.tasks_file is not None:
        raise UserError("task: tasks are named by --task or by --tasks_file, not by both; leave one of them out")
    try:
        return [[float(number) for number in task] for task in options.task]
    except ValueError as error:
        raise UserError(f"task: parameters must be numbers, {str(error).removesuffix('.')}") from error
