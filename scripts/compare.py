"""Measures meta-gradients against a converged one: `mamlrl compare --config navigation2d --output comparison`."""

from __future__ import annotations

import csv
import sys
from collections.abc import Sequence
from dataclasses import asdict
from io import StringIO
from pathlib import Path

import torch
from jsonargparse.typing import restricted_string_type

if not __package__:  # run as a file, perhaps of a checkout that is not installed
    sys.path.insert(0, str(Path(__file__).parents[1]))

from mamlrl.adaptation.build import ESTIMATORS
from mamlrl.benchmarks.comparison import Measurement, Reference, compare, settings, solve
from mamlrl.benchmarks.problems import Problem, comparable, sample_problem
from mamlrl.experiments.command_line import CommandLine
from mamlrl.experiments.experiment import gradient_experiment
from mamlrl.figures.comparison import comparison
from mamlrl.figures.image_file import write_figure
from mamlrl.files import os_errors_as, write_text
from mamlrl.inner_loops.suspects import blamed
from mamlrl.runs.saved import SavedRun
from mamlrl.scripts.program import add_allow_import, parse_allowing_imports, run_program
from mamlrl.settings.numbers import PositiveInt

Counts = restricted_string_type("Counts", r"[1-9]\d*(,[1-9]\d*)*$")


EXAMPLES = [
    "mamlrl compare --config navigation2d --output runs/comparison",
    "mamlrl compare --checkpoint runs/navigation2d/seed0 --output runs/comparison",
    "mamlrl compare --config sinusoid --estimators maml,imaml --inner_steps 1,4,16 --output runs/comparison",
]


def run(arguments: Sequence[str]) -> int:
    """Compares the estimators that the command line names; returns the exit status."""
    line = command_line()
    options = parse_allowing_imports(line, arguments)
    estimators = options.estimators.split(",")
    for estimator in estimators:
        ESTIMATORS.choose("estimators", estimator)
    saved = SavedRun.load(options.checkpoint) if options.checkpoint else None
    config = comparable(gradient_experiment(line.experiment(saved.experiment if saved else None)))
    params = saved.state["params"] if saved else None
    problem = sample_problem(config, params)
    with blamed(config):
        reference = solve(problem, config.adaptation)
    with os_errors_as(f"cannot use the folder {options.output}"):
        options.output.mkdir(parents=True, exist_ok=True)
    title = _describe(problem, config.adaptation.proximal.weight)
    print(f"{title}, {torch.get_num_threads()} threads; medians of {options.repeats}\n{_verify(reference)}")
    chosen = settings(
        problem,
        config.adaptation,
        estimators,
        [int(count) for count in options.inner_steps.split(",")],
        [int(count) for count in options.cg_steps.split(",")],
    )
    measurements = []
    for setting in chosen:
        with blamed(config, f"{setting.estimator}, {setting.gradient_steps} inner steps: "):
            measurements.append(compare(problem, config.adaptation, reference, setting, options.repeats))
        print(_row(measurements[-1]), flush=True)
    write_text(options.output / "comparison.csv", _csv(measurements))
    write_figure(comparison(measurements, title), options.output / "comparison.png")
    return 0


def command_line() -> CommandLine:
    """Returns the program's command line."""
    line = CommandLine(
        "mamlrl compare", "Compare the error, memory and time of meta-gradients with a converged one.", EXAMPLES
    )
    line.add_argument("--checkpoint", type=Path | None, help="Checkpoint with the experiment and parameters.")
    line.add_argument("--estimators", type=str, default=",".join(ESTIMATORS), help="Which to compare.")
    line.add_argument("--inner_steps", type=Counts, default="1,2,4,8,16,32,64", help="Numbers of inner steps.")
    line.add_argument(
        "--cg_steps",
        type=Counts,
        default="1,2,5,10,20",
        help="Iterations of conjugate gradient, for implicit estimators with the most inner steps.",
    )
    line.add_argument("--repeats", type=PositiveInt, default=3, help="Measurements to take the median of.")
    line.add_argument("--output", type=Path, required=True, help="Folder for comparison.csv and comparison.png.")
    add_allow_import(line)
    return line


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


def _csv(measurements: Sequence[Measurement]) -> str:
    rows, table = [asdict(measured) for measured in measurements], StringIO()
    writer = csv.DictWriter(table, fieldnames=list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return table.getvalue()


if __name__ == "__main__":
    sys.exit(run_program(run))
