"""Measures meta-gradients against a converged one: `mamlrl compare --config navigation2d --output comparison`."""

from __future__ import annotations

import csv
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import torch
from jsonargparse import ArgumentParser, Namespace
from jsonargparse.typing import restricted_string_type
from torch import Tensor

from mamlrl.adaptation.build import ESTIMATORS
from mamlrl.benchmarks.comparison import Measurement, Reference, compare, settings, solve
from mamlrl.benchmarks.problems import Problem, comparable, sample_problem
from mamlrl.errors import UserError
from mamlrl.experiments.experiment import Config, PositiveInt
from mamlrl.experiments.files import build_config, config_parser, parse, set_config_defaults
from mamlrl.figures.plotting import comparison
from mamlrl.runs.checkpoints import load_checkpoint
from mamlrl.scripts.main import run_program

Counts = restricted_string_type("Counts", r"[1-9]\d*(,[1-9]\d*)*$")
Names = restricted_string_type("Names", "({0})(,({0}))*$".format("|".join(ESTIMATORS)))


def run(arguments: Sequence[str]) -> int:
    """Compares the estimators that the command line names; returns the exit status."""
    parser = config_parser(prog="mamlrl compare", description="Compare meta-gradients with a converged one.")
    _add_arguments(parser)
    config, params, options = _read(parser, arguments)
    problem = sample_problem(config, params)
    reference = solve(problem, config.adaptation)
    _make_folder(options.output)
    title = _describe(problem, config.adaptation.proximal.weight)
    print(f"{title}, {torch.get_num_threads()} threads; medians of {options.repeats}\n{_verify(reference)}")
    chosen = settings(
        options.estimators.split(","),
        [int(count) for count in options.inner_steps.split(",")],
        [int(count) for count in options.cg_steps.split(",")],
        config.adaptation.proximal.cg_iterations,
    )
    measurements = []
    for setting in chosen:
        measurements.append(compare(problem, config.adaptation, reference, setting, options.repeats))
        print(_row(measurements[-1]), flush=True)
    _write(options.output, measurements, title)
    return 0


def _add_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("--checkpoint", type=Path | None, help="Checkpoint to take experiment and parameters of.")
    parser.add_argument("--estimators", type=Names, default=",".join(ESTIMATORS), help="Which to compare.")
    parser.add_argument("--inner_steps", type=Counts, default="1,2,4,8,16,32,64", help="Numbers of inner steps.")
    parser.add_argument(
        "--cg_steps",
        type=Counts,
        default="1,2,5,10,20",
        help="Iterations of conjugate gradient, for imaml with the most inner steps.",
    )
    parser.add_argument("--repeats", type=PositiveInt, default=3, help="Times are medians of so many.")
    parser.add_argument("--output", type=Path, required=True, help="Folder for comparison.csv and comparison.png.")


def _read(parser: ArgumentParser, arguments: Sequence[str]) -> tuple[Config, Tensor | None, Namespace]:
    """The experiment, its parameters if a checkpoint has them, and the program's own options."""
    options, params = parse(parser, arguments), None
    if options.checkpoint is not None:
        saved, state = load_checkpoint(options.checkpoint)
        set_config_defaults(parser, saved)
        options, params = parse(parser, arguments), state["params"]
    return comparable(build_config(parser, options)), params, options


def _describe(problem: Problem, weight: float) -> str:
    batch = problem.inner.batch
    size = f"{len(batch)} tasks x {batch.num_samples} samples, {len(problem.params)} parameters"
    return f"{size}, float64, proximal weight {weight}"


def _verify(reference: Reference) -> str:
    return (
        f"reference: inner gradient {reference.inner_gradient:.1e} of that at the start, "
        f"conjugate gradient's residual {reference.cg_residual:.1e}"
    )


def _row(measured: Measurement) -> str:
    iterations = "" if measured.cg_iterations is None else f"{measured.cg_iterations} of CG"
    return (
        f"{measured.estimator:<12}{measured.gradient_steps:>4} inner steps {iterations:>10}"
        f"   error {measured.relative_error:.1e} {measured.peak_memory_mib:9.1f} MiB {measured.seconds:9.3f} s"
    )


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"cannot use the folder {folder}: {error}") from None


def _write(folder: Path, measurements: Sequence[Measurement], title: str) -> None:
    rows = [asdict(measured) for measured in measurements]
    try:
        with open(folder / "comparison.csv", "w", newline="") as file:
            writer = csv.DictWriter(file, fieldnames=list(rows[0]), lineterminator="\n")
            writer.writeheader()
            writer.writerows(rows)
        comparison(measurements, title).savefig(folder / "comparison.png", dpi=150)
    except OSError as error:
        raise UserError(f"cannot write into {folder}: {error}") from None


if __name__ == "__main__":
    sys.exit(run_program(run))
