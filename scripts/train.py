"""Meta-trains a policy or a network: `mamlrl train --config navigation2d`."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Sequence
from pathlib import Path

from jsonargparse import Namespace

if not __package__:  # run as a file, perhaps of a checkout that is not installed
    sys.path.insert(0, str(Path(__file__).parents[1]))

from mamlrl.console import note
from mamlrl.distributed.exchange import from_first
from mamlrl.distributed.team import is_first, size
from mamlrl.errors import UserError
from mamlrl.experiments.command_line import CommandLine
from mamlrl.experiments.experiment import Experiment
from mamlrl.figures.run_picture import RunPicture
from mamlrl.runs.callbacks import Callback
from mamlrl.runs.checkpoints import load_checkpoint
from mamlrl.runs.run_folder import check_holds_run, run_folder
from mamlrl.runs.saved import latest_checkpoint
from mamlrl.runs.summaries import RunSummary
from mamlrl.runs.training import train
from mamlrl.runs.wandb_callback import WandbCallback
from mamlrl.scripts.program import add_allow_import, parse_allowing_imports, run_program
from mamlrl.scripts.seeds import train_seeds
from mamlrl.settings.numbers import PositiveInt, Seed

RUNS = Path("runs")
EXAMPLES = [
    "mamlrl train --config navigation2d",
    "mamlrl train --config navigation2d --config promp --iterations 100 --output runs/promp",
    "mamlrl train --config navigation2d --seeds 0 1 2 --workers 2",
    "mamlrl train --output runs/navigation2d/seed0 --resume",
    "mamlrl train --config default --env.id my_package:MyEnv-v0",
]


def command_line() -> CommandLine:
    """Returns the program's command line."""
    line = CommandLine("mamlrl train", "Meta-train a policy, or a network for few-shot learning.", EXAMPLES)
    line.add_argument(
        "--output",
        type=str | None,
        help="Folder of the run; by default runs/CONFIG/seedN. Of several seeds, runs/CONFIG, which holds them.",
    )
    line.add_argument("--resume", action="store_true", help="Continue the run, or runs, in the output folder.")
    line.add_argument("--seeds", nargs="+", type=Seed, help="Train with each of these, and evaluate all together.")
    line.add_argument("--workers", type=PositiveInt, default=1, help="How many of them train side by side.")
    line.add_argument(
        "--init_from",
        "--init-from",
        type=Path | None,
        help="Checkpoint, or run folder, whose parameters a new run begins with; of settings, it has its own.",
    )
    line.add_argument("--wandb", type=str | None, help="Project of Weights & Biases to log to (extra wandb).")
    add_allow_import(line)
    return line


def run(arguments: Sequence[str]) -> int:
    """Trains as the command line says; returns the exit status, 128 + signal number after a signal."""
    line = command_line()
    options = parse_allowing_imports(line, arguments)
    if options.seeds is not None:
        if size() > 1:
            raise UserError("seeds: several processes train one seed together; choose it with --seed")
        return train_seeds(line, options, _folder(line, options))
    folder = _folder(line, options)
    saved = None
    if options.resume:
        saved = from_first(_saved(folder) if is_first() else None)
    experiment = line.experiment(saved)
    callbacks: list[Callback] = [RunSummary(), RunPicture()]
    if options.wandb is not None:
        callbacks.append(WandbCallback(project=options.wandb))
    stopped_by = train(experiment, folder, options.resume, options.init_from, callbacks)
    if stopped_by:
        note(f"stopped; continue with: mamlrl train --output {shlex.quote(str(folder))} --resume")
        return 128 + stopped_by
    return 0


def _saved(folder: Path) -> Experiment:
    check_holds_run(folder)
    return load_checkpoint(latest_checkpoint(folder))[0]


def _folder(line: CommandLine, options: Namespace) -> Path:
    """Returns the folder of a run, or of several seeds; without `--output`, one named after the configs."""
    if options.output is not None:
        return run_folder(options.output)
    seed = line.experiment().seed  # first of all, for an option that was mistyped to be named
    names = [Path(config).stem for config in line.configs()]
    if not names:
        raise UserError("output: name the run's folder, such as --output runs/mine, as no --config names it")
    folder = RUNS / "_".join(names)
    return folder if options.seeds is not None else folder / f"seed{seed}"


if __name__ == "__main__":
    sys.exit(run_program(run))
