"""Adapts meta-trained networks to held-out tasks: `mamlrl evaluate runs/navigation2d`."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from mamlrl import __version__
from mamlrl.errors import UserError
from mamlrl.evaluation.evaluation import Evaluation, mean_interval
from mamlrl.experiments.experiment import Config
from mamlrl.experiments.files import build_config, config_parser, parse, set_config_defaults
from mamlrl.learners.build import evaluate
from mamlrl.runs.checkpoints import load_checkpoint
from mamlrl.runs.training import best_checkpoint
from mamlrl.scripts.main import run_program


def run(arguments: Sequence[str]) -> int:
    """Evaluates every checkpoint on the command line; returns the exit status."""
    parser = config_parser(prog="mamlrl evaluate", description="Adapt meta-trained networks to held-out tasks.")
    parser.add_argument(
        "checkpoints",
        nargs="+",
        type=Path,
        help="Checkpoints, or run folders, whose best checkpoint is taken.",
    )
    parser.add_argument("--json", type=Path, help="File to write everything to.")
    namespace = parse(parser, arguments)
    paths = [checkpoint_file(path) for path in namespace.checkpoints]
    records = []
    for path, (saved, state) in [(path, load_checkpoint(path)) for path in paths]:
        set_config_defaults(parser, saved)
        config = build_config(parser, parse(parser, arguments))
        evaluation = evaluate_checkpoint(path, config, state)
        records.append(_record(path, state["iteration"], config, evaluation))
        print(_table(f"{path}, meta-iteration {state['iteration']}", records[-1]))
    if len(records) > 1 and len({len(record["steps"]) for record in records}) == 1:
        print(_table_over_runs(records))
    if namespace.json is not None:
        _write_json(namespace.json, records)
    return 0


def checkpoint_file(path: Path) -> Path:
    """Returns the best checkpoint of a run folder, or the path itself."""
    return best_checkpoint(path) if path.is_dir() else path


def evaluate_checkpoint(path: Path, config: Config, state: dict[str, Any]) -> Evaluation:
    """Evaluates what was loaded from a checkpoint; errors name its file."""
    try:
        return evaluate(config, state["params"])
    except UserError as error:
        raise UserError(f"{path}: {error}") from None


def _record(path: Path, iteration: int, config: Config, evaluation: Evaluation) -> dict[str, Any]:
    return {
        "mamlrl_version": __version__,
        "checkpoint": str(path),
        "iteration": iteration,
        "seed": config.seed,
        "evaluation_seed": config.evaluation.seed,
        "step_scales": evaluation.step_scales,
        "metric": evaluation.metric,
        **evaluation.protocol(config),
        "steps": evaluation.summary(),
    }


def _table(title: str, record: dict[str, Any]) -> str:
    lines = [f"{title}; {_data(record)}, mean {record['metric']} and 95% interval over tasks"]
    digits = _digits(record)
    lines += [_row(row["step"], row["mean"], row["interval_95"], digits) for row in record["steps"]]
    return "\n".join(lines)


def _data(record: dict[str, Any]) -> str:
    """What an evaluation was on."""
    if "dataset" in record:
        return f"{record['tasks']} tasks x {record['shots']} shots"
    return f"{len(record['tasks'])} tasks x {record['episodes_per_task']} {record['sampling_unit']}"


def _table_over_runs(records: list[dict[str, Any]]) -> str:
    lines = [f"all {len(records)} checkpoints, mean {records[0]['metric']} and 95% interval over checkpoints"]
    for rows in zip(*(record["steps"] for record in records), strict=True):
        mean, half_width = mean_interval([row["mean"] for row in rows])
        lines.append(_row(rows[0]["step"], mean, half_width, _digits(records[0])))
    return "\n".join(lines)


def _digits(record: dict[str, Any]) -> int:
    """Decimals to print: errors and accuracies are smaller numbers than returns."""
    return 3 if "dataset" in record else 2


def _row(step: int, mean: float, half_width: float | None, digits: int) -> str:
    return f"  step {step}: {mean:9.{digits}f}" + ("" if half_width is None else f" +- {half_width:.{digits}f}")


def _write_json(path: Path, records: list[dict[str, Any]]) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(records, indent=1) + "\n")
    except OSError as error:
        raise UserError(f"cannot write {path}: {error}") from None


if __name__ == "__main__":
    sys.exit(run_program(run))
