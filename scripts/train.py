"""Meta-trains a policy or a network: `mamlrl train --config navigation2d --output runs/navigation2d`."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Sequence
from pathlib import Path

if not __package__:  # run as a file, perhaps of a checkout that is not installed
    sys.path.insert(0, str(Path(__file__).parents[1]))

from mamlrl.console import note
from mamlrl.experiments.command_line import CommandLine
from mamlrl.runs.checkpoints import load_checkpoint
from mamlrl.runs.run_folder import run_folder
from mamlrl.runs.saved import latest_checkpoint
from mamlrl.runs.training import train
from mamlrl.scripts.program import add_allow_import, import_allowed, run_program


def run(arguments: Sequence[str]) -> int:
    """Trains as the command line says; returns the exit status, 128 + signal number after a signal."""
    command_line = CommandLine("mamlrl train", "Meta-train a policy, or a network for few-shot learning.")
    command_line.add_argument("--output", type=str, required=True, help="Folder of the run.")
    command_line.add_argument("--resume", action="store_true", help="Continue the run in the output folder.")
    command_line.add_argument(
        "--init_from",
        "--init-from",
        type=Path | None,
        help="Checkpoint, or run folder, whose parameters a new run begins with; of settings, it has its own.",
    )
    add_allow_import(command_line)
    options = command_line.parse(arguments)
    import_allowed(options.allow_import)
    folder = run_folder(options.output)
    saved = load_checkpoint(latest_checkpoint(folder))[0] if options.resume else None
    stopped_by = train(command_line.experiment(saved), folder, options.resume, options.init_from)
    if stopped_by:
        note(f"stopped; continue with: mamlrl train --output {shlex.quote(str(folder))} --resume")
        return 128 + stopped_by
    return 0


if __name__ == "__main__":
    sys.exit(run_program(run))
