"""Adapts meta-trained networks to held-out tasks: `mamlrl evaluate runs/navigation2d`."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

if not __package__:  # run as a file, perhaps of a checkout that is not installed
    sys.path.insert(0, str(Path(__file__).parents[1]))

from mamlrl.errors import UserError
from mamlrl.evaluation.evaluation import Evaluation, mean_interval
from mamlrl.evaluation.policy_evaluation import number_text
from mamlrl.evaluation.step_size import choose_step_size, with_step_size
from mamlrl.experiments.command_line import CommandLine
from mamlrl.experiments.experiment import Experiment
from mamlrl.files import write_text
from mamlrl.runs.repetitions import check_repetitions
from mamlrl.runs.saved import SavedRun
from mamlrl.scripts.program import add_allow_import, parse_allowing_imports, run_program
from mamlrl.scripts.task_options import add_task_options, named_tasks, plain_numbers
from mamlrl.settings.numbers import NonNegativeFinite, PositiveInt

EXAMPLES = [
    "mamlrl evaluate runs/navigation2d/seed0",
    "mamlrl evaluate runs/navigation2d/seed? --json runs/navigation2d/evaluation.json",
    "mamlrl evaluate navigation2d --task 0.3 -0.2 --task 0.1 0.4",
    "mamlrl evaluate half_cheetah_direction --shots 1 5 10 20 --json shots.json",
]


def command_line() -> CommandLine:
    """Returns the program's command line."""
    line = CommandLine("mamlrl evaluate", "Adapt meta-trained networks to held-out tasks.", EXAMPLES)
    line.add_argument(
        "checkpoints",
        nargs="+",
        type=Path,
        help="Checkpoints, run folders, whose latest checkpoint is taken, or names of published checkpoints; "
        "several differ in their seed alone.",
    )
    add_task_options(line)
    line.add_argument(
        "--shots",
        nargs="+",
        type=PositiveInt,
        default=[],
        help="Numbers of episodes, or examples, to adapt on; an evaluation for each.",
    )
    line.add_argument(
        "--step_sizes",
        "--step-sizes",
        nargs="+",
        type=NonNegativeFinite,
        default=[],
        help="First step sizes to choose from, on validation tasks and for all checkpoints together.",
    )
    line.add_argument("--json", type=Path, help="File to write everything to.")
    add_allow_import(line)
    return line


def run(arguments: Sequence[str]) -> int:
    """Evaluates every checkpoint on the command line; returns the exit status."""
    line = command_line()
    options = parse_allowing_imports(line, plain_numbers(arguments))
    tasks = named_tasks(line, options)
    runs = [SavedRun.load(path) for path in options.checkpoints]
    experiments = [line.experiment(saved.experiment) for saved in runs]  # all, before the work begins
    if options.step_sizes and line.sets("evaluation.first_step_size"):
        raise UserError("evaluation.first_step_size: is chosen from --step_sizes; leave one of them out")
    check_repetitions(runs, experiments)
    rounds = _with_shots(experiments, options.shots) if options.shots else [experiments]
    records: list[dict[str, Any]] = []
    try:
        for each in rounds:
            _evaluate(runs, each, tasks, options.step_sizes, records)
    except UserError as error:
        total = len(runs) * len(rounds)
        written = f"; {options.json} holds the first {len(records)} of {total} evaluations"
        raise UserError(f"{error}{written if records and options.json is not None else ''}") from error
    finally:
        if records and options.json is not None:
            write_text(options.json, json.dumps(records, indent=1) + "\n")
    return 0


def _with_shots(experiments: Sequence[Experiment], counts: Sequence[int]) -> list[list[Experiment]]:
    """Returns the experiments with each number of shots."""
    if len(set(counts)) < len(counts):
        raise UserError(f"shots: a number is given twice in {' '.join(map(str, counts))}; leave one of them out")
    return [
        [replace(each, evaluation=each.evaluation.with_shots(count)) for each in experiments] for count in counts
    ]


def _evaluate(
    runs: Sequence[SavedRun],
    experiments: Sequence[Experiment],
    tasks: Sequence[Any] | None,
    step_sizes: Sequence[float],
    records: list[dict[str, Any]],
) -> None:
    """Evaluates every run, prints tables, and appends what the file holds to `records` as soon as it is known."""
    choice: dict[str, Any] = {}
    if step_sizes:
        params, states = [saved.state["params"] for saved in runs], [saved.state for saved in runs]
        chosen = choose_step_size(experiments[0], params, step_sizes, states=states)
        experiments = [with_step_size(experiment, chosen.step_size) for experiment in experiments]
        choice = {"step_size_choice": chosen.plain()}
        print(f"step size {chosen.step_size:g}, the best of {len(step_sizes)} on {chosen.tasks} validation tasks")
    for saved, experiment in zip(runs, experiments, strict=True):
        record, decimals = _evaluate_run(saved, experiment, tasks)
        records.append({**record, **choice})
    if len(runs) > 1:
        print(_table_over_runs(records[-len(runs) :], decimals))


def _evaluate_run(
    saved: SavedRun, experiment: Experiment, tasks: Sequence[Any] | None
) -> tuple[dict[str, Any], int]:
    """Evaluates a run and prints its table; the evaluation, which may fill the memory, is gone before the next."""
    evaluation = saved.evaluate(experiment, tasks)
    print(_table(f"{saved.path}, meta-iteration {saved.state['iteration']}", evaluation))
    return saved.record(evaluation), evaluation.decimals


def _table(title: str, evaluation: Evaluation) -> str:
    lines = [f"{title}; {evaluation.sample_size()}, mean {evaluation.metric} and 95% interval over tasks"]
    for row in evaluation.summary():
        text = _row(row["step"], row["mean"], row["interval_95"], evaluation.decimals)
        lines.append("; ".join(filter(None, [text, evaluation.details(row)])))
    return "\n".join(lines)


def _table_over_runs(records: list[dict[str, Any]], decimals: int) -> str:
    lines = [f"all {len(records)} checkpoints, mean {records[0]['metric']} and 95% interval over checkpoints"]
    for rows in zip(*(record["steps"] for record in records), strict=True):
        mean, half_width = mean_interval([row["mean"] for row in rows])
        numbers = []
        for key in records[0].get("info", ()):
            over, interval = mean_interval([row[key] for row in rows])
            numbers.append(number_text(key, {key: over, f"{key}_interval_95": interval}))
        lines.append("; ".join([_row(rows[0]["step"], mean, half_width, decimals), *numbers]))
    return "\n".join(lines)


def _row(step: int, mean: float, half_width: float | None, decimals: int) -> str:
    interval = "" if half_width is None else f" +- {half_width:.{decimals}f}"
    return f"  step {step}: {mean:9.{decimals}f}{interval}"


if __name__ == "__main__":
    sys.exit(run_program(run))
