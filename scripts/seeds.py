"""Training one experiment with several seeds, each in a process of its own, and evaluating them together."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from jsonargparse import Namespace

from mamlrl.console import note
from mamlrl.errors import UserError
from mamlrl.experiments.command_line import CommandLine
from mamlrl.experiments.differences import training_differences
from mamlrl.experiments.experiment import Experiment
from mamlrl.runs.checkpoints import load_checkpoint
from mamlrl.runs.processes import train_side_by_side
from mamlrl.runs.repetitions import check_different
from mamlrl.runs.run_folder import check_is_free
from mamlrl.runs.saved import latest_checkpoint
from mamlrl.scripts import evaluate

EVALUATION = "evaluation.json"


def train_seeds(line: CommandLine, options: Namespace, folder: Path) -> int:
    """Trains with each seed in a folder of its own, `seed0` and so on, and evaluates all runs together.

    Args:
        line: The command line.
        options: The program's own options: `seeds`, `workers`, `resume`, `init_from`, `wandb`, `allow_import`.
        folder: Folder of the runs' folders, and of `evaluation.json`.

    Returns:
        The exit status: 128 + signal number after a signal, 2 if a seed failed.

    Raises:
        UserError: If seeds are given twice, there is nothing to resume, a run would be written over, or the
            folders hold runs of different experiments; nothing is begun.
    """
    folders = {seed: folder / f"seed{seed}" for seed in options.seeds}
    commands = _commands(line, options, folders)
    workers = min(options.workers, len(folders))
    named = {f"seed {seed}": command for seed, command in commands.items()}
    statuses, stopped_by = train_side_by_side(named, workers, piped=workers > 1)
    if stopped_by:
        note(f"stopped; continue with: {_continuing(line, options, folder)}")
        return 128 + stopped_by
    failed = [label for label, status in statuses.items() if status]
    if failed:
        again = _continuing(line, options, folder)
        note(f"mamlrl: {', '.join(failed)} did not get to the end; go on with: {again}")
        return 2
    return evaluate.run([*map(str, folders.values()), f"--json={folder / EVALUATION}", *_allowed(options)])


def _continuing(line: CommandLine, options: Namespace, folder: Path) -> str:
    """Returns the command that goes on where the runs are."""
    begun = any(latest_checkpoint(folder / f"seed{seed}").exists() for seed in options.seeds)
    seeds = ["--seeds", *map(str, options.seeds), "--workers", str(options.workers)]
    resume = ["--resume"] if begun else []
    own = [*_allowed(options), *_logged(options)]
    return shlex.join(["mamlrl", "train", *line.settings, "--output", str(folder), *seeds, *own, *resume])


def _allowed(options: Namespace) -> list[str]:
    return [f"--allow_import={options.allow_import}"] if options.allow_import else []


def _logged(options: Namespace) -> list[str]:
    return [f"--wandb={options.wandb}"] if options.wandb is not None else []


def _commands(line: CommandLine, options: Namespace, folders: Mapping[int, Path]) -> dict[int, list[str]]:
    """Returns the arguments of `mamlrl train` for every seed."""
    check_different("seeds", options.seeds)
    if line.sets("seed"):
        raise UserError("seed: --seeds says which; leave --seed out")
    begun = [path for path in folders.values() if options.resume and latest_checkpoint(path).exists()]
    if options.resume and not begun:
        raise UserError(
            f"no run to resume at {', '.join(map(str, folders.values()))}; begin them without --resume, "
            "or name the folder that they are in with --output"
        )
    if options.resume and options.init_from is not None:
        raise UserError("init_from begins a new run; choose another --output, or leave --resume out")
    for path in folders.values():
        if path not in begun:
            check_is_free(path)
    _check_one_experiment(line, folders.values(), begun)
    initial = [f"--init_from={options.init_from}"] if options.init_from else []
    shared = [*_allowed(options), *_logged(options), *initial]
    return {
        seed: [*line.settings, *shared, f"--output={path}", "--resume" if path in begun else f"--seed={seed}"]
        for seed, path in folders.items()
    }


def _check_one_experiment(line: CommandLine, folders: Iterable[Path], begun: Sequence[Path]) -> None:
    """Checks the settings, and that all runs, those to go on with included, differ in their seed alone."""
    first: tuple[Path, Experiment] | None = None
    for path in folders:
        saved = load_checkpoint(latest_checkpoint(path))[0] if path in begun else None
        experiment = line.experiment(saved)
        for key, before, now in training_differences(saved, experiment) if saved else ():
            raise UserError(f"{key}: the run to resume at {path} has {before}, not {now}; leave it as it is")
        first = first or (path, experiment)
        for key, one, other in training_differences(first[1], experiment):
            raise UserError(
                f"{path} and {first[0]} would be runs of different experiments: {key} is {other} there and {one} "
                "here; give the settings that they began with, or choose another --output"
            )
