"""Adapts meta-trained networks to held-out tasks: `mamlrl evaluate runs/navigation2d`."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

if not __package__:  # run as a file, perhaps of a checkout that is not installed
    sys.path.insert(0, str(Path(__file__).parents[1]))

from mamlrl import __version__
from mamlrl.evaluation.evaluation import Evaluation, mean_interval
from mamlrl.experiments.command_line import CommandLine
from mamlrl.files import write_text
from mamlrl.runs.repetitions import check_repetitions
from mamlrl.runs.saved import SavedRun
from mamlrl.scripts.program import add_allow_import, import_allowed, run_program


def run(arguments: Sequence[str]) -> int:
    """Evaluates every checkpoint on the command line; returns the exit status."""
    command_line = CommandLine("mamlrl evaluate", "Adapt meta-trained networks to held-out tasks.")
    command_line.add_argument(
        "checkpoints",
        nargs="+",
        type=Path,
        help="Checkpoints, or run folders, whose latest checkpoint is taken; several differ in their seed alone.",
    )
    command_line.add_argument("--json", type=Path, help="File to write everything to.")
    add_allow_import(command_line)
    options = command_line.parse(arguments)
    import_allowed(options.allow_import)
    runs = [SavedRun.load(path) for path in options.checkpoints]
    experiments = [command_line.experiment(saved.experiment) for saved in runs]  # all, before the work begins
    check_repetitions(runs, experiments)
    records = []
    for saved, experiment in zip(runs, experiments, strict=True):
        evaluation = saved.evaluate(experiment)
        records.append(_record(saved, evaluation))
        print(_table(f"{saved.path}, meta-iteration {saved.state['iteration']}", evaluation))
    if len(records) > 1:
        print(_table_over_runs(records, evaluation.decimals))
    if options.json is not None:
        write_text(options.json, json.dumps(records, indent=1) + "\n")
    return 0


def _record(saved: SavedRun, evaluation: Evaluation) -> dict[str, Any]:
    return {
        "mamlrl_version": __version__,
        "checkpoint": str(saved.path),
        "iteration": saved.state["iteration"],
        "seed": evaluation.experiment.seed,
        "evaluation_seed": evaluation.experiment.evaluation.seed,
        "step_scales": evaluation.step_scales,
        "metric": evaluation.metric,
        **evaluation.protocol(),
        "steps": evaluation.summary(),
    }


def _table(title: str, evaluation: Evaluation) -> str:
    lines = [f"{title}; {evaluation.sample_size()}, mean {evaluation.metric} and 95% interval over tasks"]
    for row in evaluation.summary():
        lines.append(_row(row["step"], row["mean"], row["interval_95"], evaluation.decimals))
    return "\n".join(lines)


def _table_over_runs(records: list[dict[str, Any]], decimals: int) -> str:
    lines = [f"all {len(records)} checkpoints, mean {records[0]['metric']} and 95% interval over checkpoints"]
    for rows in zip(*(record["steps"] for record in records), strict=True):
        mean, half_width = mean_interval([row["mean"] for row in rows])
        lines.append(_row(rows[0]["step"], mean, half_width, decimals))
    return "\n".join(lines)


def _row(step: int, mean: float, half_width: float | None, decimals: int) -> str:
    interval = "" if half_width is None else f" +- {half_width:.{decimals}f}"
    return f"  step {step}: {mean:9.{decimals}f}{interval}"


if __name__ == "__main__":
    sys.exit(run_program(run))
