"""Reproduces a paper's comparison of methods on a task: `mamlrl reproduce navigation2d`."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import timedelta
from importlib import import_module
from pathlib import Path

import torch
from jsonargparse import Namespace

if not __package__:  # run as a file, perhaps of a checkout that is not installed
    sys.path.insert(0, str(Path(__file__).parents[1]))

from mamlrl.console import note
from mamlrl.envs.pictures.graphics import choose_platform
from mamlrl.experiments.command_line import CommandLine
from mamlrl.reproduction.calibration import training_seconds
from mamlrl.reproduction.evaluation import EVALUATION, evaluate_method
from mamlrl.reproduction.plan import PlannedRun, check_complete, plan_runs
from mamlrl.reproduction.recipe import Recipe
from mamlrl.reproduction.recipe_files import read_recipe
from mamlrl.reproduction.report import write_learning_curves, write_pictures, write_tables
from mamlrl.runs.processes import train_side_by_side
from mamlrl.runs.stop_signals import handled
from mamlrl.scripts.program import run_program
from mamlrl.settings.numbers import PositiveInt, Seed
from mamlrl.supervised.image_files import visible

FOLDER = Path("runs/reproduce")
ABOUT = """Compare methods on one task as a paper does, with its numbers beside ours.

Trains what is missing, continues what was interrupted, evaluates all methods on
the same held-out tasks, and writes tables and figures. The tasks are the recipes
in configs/reproduce; a recipe of your own is a YAML file like them."""
EXAMPLES = [
    "mamlrl reproduce navigation2d",
    "mamlrl reproduce half_cheetah_velocity --methods maml pretrained oracle --seeds 0 1 2",
    "mamlrl reproduce sinusoid --quick",
    "mamlrl reproduce navigation2d --runs docs/results/navigation2d_methods --methods maml promp",
]


def command_line() -> CommandLine:
    """Returns the program's command line."""
    line = CommandLine("mamlrl reproduce", ABOUT, EXAMPLES, takes_settings=False)
    line.add_argument("recipe", type=str, help="Name of a task, such as navigation2d, or a YAML file.")
    line.add_argument("--methods", nargs="+", type=str, help="Which methods; all by default.")
    line.add_argument("--seeds", nargs="+", type=Seed, help="Seeds of each method; the recipe's by default.")
    line.add_argument("--output", type=Path | None, help="Folder to write to; by default runs/reproduce/NAME.")
    line.add_argument("--quick", action="store_true", help="Do everything small, within minutes.")
    line.add_argument(
        "--workers", type=PositiveInt | None, help="Runs side by side; one for each core by default."
    )
    line.add_argument(
        "--runs",
        nargs="+",
        type=str,
        default=[],
        metavar="[METHOD=]FOLDER",
        help="Folders of complete runs, taken where there are none yet, such as METHOD_seed0.pt.",
    )
    line.add_argument(
        "--evaluate_only", "--evaluate-only", action="store_true", help="Train nothing; a missing run is an error."
    )
    return line


def run(arguments: Sequence[str]) -> int:
    """Makes the comparison that the command line names; returns the exit status, 128 + signal after a signal."""
    line = command_line()
    options = line.parse(arguments)
    line.refuse_settings("recipes")
    recipe = read_recipe(options.recipe)
    if "film" in recipe.pictures:
        choose_platform()  # before MuJoCo is imported
    methods = recipe.choose(options.methods)
    output = options.output or FOLDER / f"{recipe.name}{'_quick' if options.quick else ''}"
    seeds = options.seeds or recipe.seeds[: 1 if options.quick else None]
    command = shlex.join(["mamlrl", "reproduce", *arguments])
    status = 0
    received: list[int] = []

    def stop(number: int) -> None:
        received.append(number)
        raise KeyboardInterrupt

    with handled(stop), suppress(KeyboardInterrupt):
        planned = plan_runs(recipe, methods, seeds, output, options.quick, options.runs)
        _draw_data(recipe, options.quick)
        status = _train(recipe, planned, options)
        if not status:
            planned = [each if each.done else each.trained() for each in planned]
            print(_report(recipe, planned, output, command, options.quick))
    if received:
        status = 128 + received[0]
    if status > 128:
        note(f"stopped; continue with: {command}")
    return status


def _draw_data(recipe: Recipe, quick: bool) -> None:
    """Draws the data that the recipe needs, where they are not there."""
    for program, text in ((quick and recipe.quick_data) or recipe.data).items():
        folder, *others = shlex.split(text)
        if not Path(folder).is_dir() or not visible(Path(folder)):
            options = [f"--output={folder}", *others]
            note(f"drawing data: {shlex.join(['mamlrl', program, *options])}")
            import_module(f"mamlrl.scripts.{program}").run(options)


def _train(recipe: Recipe, planned: Sequence[PlannedRun], options: Namespace) -> int:
    """Trains what is not done; returns the exit status."""
    if options.evaluate_only:
        check_complete(planned)
    left = [each for each in planned if not each.done]
    if not left:
        return 0
    workers = min(options.workers or torch.get_num_threads(), len(left))
    _announce(planned, training_seconds(left), workers)
    done: list[str] = []

    def ended(name: str) -> None:
        done.append(name)
        note(f"{name} is complete: {len(done)} of {len(left)} runs")

    commands = {each.name: _command(recipe, each, options.quick) for each in left}
    statuses, stopped_by = train_side_by_side(commands, workers, ended=ended)
    failed = [name for name, status in statuses.items() if status]
    if stopped_by:
        return 128 + stopped_by
    if failed:
        note(f"mamlrl: {', '.join(failed)} did not get to the end; the same command goes on")
    return 2 if failed else 0


def _command(recipe: Recipe, planned: PlannedRun, quick: bool) -> list[str]:
    """The arguments of `mamlrl train` for a run."""
    begin = [f"--seed={planned.experiment.seed}"] if planned.iteration is None else ["--resume"]
    return [*recipe.options(planned.method, quick), f"--output={planned.folder}", *begin]


def _announce(planned: Sequence[PlannedRun], seconds: Mapping[str, float], workers: int) -> None:
    """Says what will run, and about how long."""
    for each in planned:
        state = (
            "is complete" if each.done else f"{each.left} of {each.experiment.iterations} meta-iterations to do"
        )
        about = f", about {_duration(seconds[each.name])}" if each.name in seconds else ""
        note(f"{each.name}: {state}{about}")
    longest, shared = max(seconds.values(), default=0.0), sum(seconds.values()) / workers
    about = _duration(max(longest, shared))
    note(f"training: about {about}, {workers} side by side; after Ctrl-C, the same command goes on")


def _duration(seconds: float) -> str:
    return str(timedelta(seconds=round(seconds)))


def _report(recipe: Recipe, planned: Sequence[PlannedRun], output: Path, command: str, quick: bool) -> str:
    """Makes the evaluations that are not there yet, and writes everything; returns the table."""
    runs: dict[str, list[PlannedRun]] = {}
    for each in planned:
        runs.setdefault(each.method, []).append(each)
    records = {}
    for number, (method, of_method) in enumerate(runs.items(), 1):
        note(f"evaluating {method}, {number} of {len(runs)}")
        records[method] = evaluate_method(
            of_method, recipe.methods[method].step_sizes, output / method / EVALUATION
        )
    text = write_tables(recipe, runs, records, output, command, quick)
    write_learning_curves(recipe, runs, output)
    for failure in write_pictures(recipe, runs, output):
        note(failure)
    note(f"results  {output}")
    return text


if __name__ == "__main__":
    sys.exit(run_program(run))
