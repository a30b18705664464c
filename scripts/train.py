"""Meta-trains a policy: `mamlrl train --config navigation2d --output runs/navigation2d`."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from mamlrl.experiments.files import build_config, config_parser, parse, set_config_defaults
from mamlrl.runs.checkpoints import load_checkpoint
from mamlrl.runs.training import latest_checkpoint, train
from mamlrl.scripts.main import run_program


def run(arguments: Sequence[str]) -> int:
    """Trains as the command line says; returns the exit status, 128 + signal number after a signal."""
    parser = config_parser(prog="mamlrl train", description="Meta-train a policy.")
    parser.add_argument("--output", type=Path, required=True, help="Folder of the run.")
    parser.add_argument("--resume", action="store_true", help="Continue the run in the output folder.")
    namespace = parse(parser, arguments)
    folder = namespace.output
    if namespace.resume:
        saved, _ = load_checkpoint(latest_checkpoint(folder))
        set_config_defaults(parser, saved)
        namespace = parse(parser, arguments)
    stopped_by = train(build_config(parser, namespace), folder, namespace.resume)
    if stopped_by:
        print(f"stopped; continue with: mamlrl train --output {folder} --resume", file=sys.stderr)
        return 128 + stopped_by
    return 0


if __name__ == "__main__":
    sys.exit(run_program(run))
