"""What all programs share: errors become one line on stderr and an exit status."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from contextlib import redirect_stdout
from functools import partial
from typing import TYPE_CHECKING, Any, cast

from mamlrl.console import Stream, note, reserve_standard_streams
from mamlrl.errors import UserError
from mamlrl.experiments.imports import import_allowed

if TYPE_CHECKING:  # importing them takes as long as importing PyTorch
    from jsonargparse import Namespace

    from mamlrl.experiments.command_line import CommandLine


def run_program(program: Callable[[Sequence[str]], int], arguments: Sequence[str] | None = None) -> int:
    """Runs a program; input that it cannot use, or too large, becomes one line on stderr and status 2.

    A program does its work whether or not its words can be written; words on stdout that could not be are an error
    when it has ended.

    Args:
        program: Takes command-line arguments and returns an exit status.
        arguments: The arguments; those of the process by default.
    """
    reserve_standard_streams()
    output = Stream(sys.stdout)
    try:
        with redirect_stdout(cast(Any, output)):
            status = _status(program, sys.argv[1:] if arguments is None else arguments)
    except SystemExit:  # of --help
        if _is_written(output):
            raise
        return 2
    return status if _is_written(output) else status or 2


def _is_written(output: Stream) -> bool:
    """Returns whether everything on stdout could be written; says so if not."""
    output.flush()
    if output.failure is not None:
        note(f"mamlrl: cannot write to stdout: {output.failure}")
    Stream(sys.stderr).flush()
    return output.failure is None


def _status(program: Callable[[Sequence[str]], int], arguments: Sequence[str]) -> int:
    run = partial(program, arguments)
    try:
        return _within_memory(partial(_in_team, run) if {"RANK", "WORLD_SIZE"} <= os.environ.keys() else run)
    except UserError as error:
        note(f"mamlrl: {' '.join(str(error).splitlines())}")
        return 2
    except KeyboardInterrupt:
        return 130


def _within_memory(run: Callable[[], int]) -> int:
    """Runs a program; too little memory becomes an error of the user's."""
    try:
        return run()
    except MemoryError as error:
        remedy = "lower meta_batch_size, sampling.episodes_per_task or env.kwargs.horizon"
        raise UserError(f"not enough memory ({error}); {remedy}") from error


def _in_team(run: Callable[[], int]) -> int:
    """Runs a program that was started as one of several processes, of which one alone prints."""
    from mamlrl.distributed.joining import joined, quiet_unless_first, tells  # noqa: PLC0415 (takes long)

    try:
        with quiet_unless_first(), joined():
            return _within_memory(run)
    except UserError as error:
        if tells(error):
            raise
        return 2


def add_allow_import(command_line: CommandLine) -> None:
    """Adds the option that lets checkpoints name modules to import."""
    command_line.add_argument(
        "--allow_import",
        "--allow-import",
        type=str,
        default="",
        metavar="MODULES",
        help="Modules that checkpoints may import, such as my_rules,my_tasks.",
    )


def parse_allowing_imports(command_line: CommandLine, arguments: Sequence[str]) -> Namespace:
    """Parses the arguments of a program with `--allow_import`, and imports the modules that it names.

    Raises:
        UserError: If an argument cannot be used, or there is no such module.
    """
    options = command_line.parse(arguments)
    import_allowed(options.allow_import)
    return options
