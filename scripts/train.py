"""Meta-trains a policy or a network: `mamlrl train --config navigation2d --output runs/navigation2d`."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

if not __package__:  # run as a file, perhaps of a checkout that is not installed
    sys.path.insert(0, str(Path(__file__).parents[1]))

from mamlrl.experiments.command_line import CommandLine
from mamlrl.runs.checkpoints import load_checkpoint
from mamlrl.runs.saved import latest_checkpoint
from mamlrl.runs.training import train
from mamlrl.scripts.program import run_program


def run(arguments: Sequence[str]) -> int:
    """Trains as the command line says; returns the exit status, 128 + signal number after a signal."""
    command_line = CommandLine("mamlrl train", "Meta-train a policy, or a network for few-shot learning.")
    command_line.add_argument("--output", type=Path, required=True, help="Folder of the run.")
    command_line.add_argument("--resume", action="store_true", help="Continue the run in the output folder.")
    options = command_line.parse(arguments)
    folder = options.output
    saved = load_checkpoint(latest_checkpoint(folder))[0] if options.resume else None
    stopped_by = train(command_line.experiment(saved), folder, options.resume)
    if stopped_by:
        print(f"stopped; continue with: mamlrl train --output {folder} --resume", file=sys.stderr)
        return 128 + stopped_by
    return 0


if __name__ == "__main__":
    sys.exit(run_program(run))
