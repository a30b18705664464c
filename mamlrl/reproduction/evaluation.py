"""Evaluations of all methods on the same held-out tasks, kept in files so that none is made twice."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from zlib import crc32

from mamlrl.errors import UserError
from mamlrl.evaluation.step_size import choose_step_size, with_step_size
from mamlrl.experiments.plain import plain_experiment
from mamlrl.files import write_text
from mamlrl.reproduction.plan import PlannedRun
from mamlrl.runs.repetitions import check_repetitions
from mamlrl.runs.saved import SavedRun

EVALUATION = "evaluation.json"


def evaluate_method(runs: Sequence[PlannedRun], step_sizes: Sequence[float], file: Path) -> list[dict[str, Any]]:
    """Evaluates the runs of one method, unless the file holds just that.

    Args:
        runs: Complete runs that differ in their seed alone.
        step_sizes: What the first step size is chosen from, for all of them together; if empty, nothing is chosen.
        file: Where the evaluations are kept.

    Returns:
        A record for each run, as `mamlrl evaluate --json` writes them.

    Raises:
        UserError: If they cannot be evaluated, or the file holds evaluations with other settings.
    """
    saved = [run.saved for run in runs if run.saved is not None]
    wanted = [_key(each, run, step_sizes) for each, run in zip(saved, runs, strict=True)]
    kept = _kept(file)
    for before in kept:
        _check_same_settings(before, wanted[0], file)
    if [each.get("made_of") for each in kept] == wanted:
        return kept
    experiments = [run.experiment for run in runs]
    check_repetitions(saved, experiments)
    choice: dict[str, Any] = {}
    if step_sizes:
        states = [each.state for each in saved]
        chosen = choose_step_size(experiments[0], [each["params"] for each in states], step_sizes, states=states)
        experiments = [with_step_size(each, chosen.step_size) for each in experiments]
        choice = {"step_size_choice": chosen.plain()}
    records = [
        {**each.record(each.evaluate(experiment)), **choice, "made_of": key}
        for each, experiment, key in zip(saved, experiments, wanted, strict=True)
    ]
    file.parent.mkdir(parents=True, exist_ok=True)
    write_text(file, json.dumps(records, indent=1) + "\n")
    return _kept(file)


def _key(saved: SavedRun, run: PlannedRun, step_sizes: Sequence[float]) -> dict[str, Any]:
    """What an evaluation depends on."""
    params = saved.state["params"]
    return {
        "params": f"{crc32(params.numpy().tobytes()):08x}",
        "settings": {**plain_experiment(run.experiment)["evaluation"], "step_sizes": list(step_sizes)},
    }


def _kept(file: Path) -> list[dict[str, Any]]:
    if not file.exists():
        return []
    try:
        records: list[dict[str, Any]] = json.loads(file.read_text(encoding="utf-8"))
        if not isinstance(records, list) or not all(map(_is_record, records)):
            raise ValueError("it holds something else")
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise UserError(f"{file} is not a file of evaluations to go on with: {error}; move it away") from error
    return records


def _is_record(record: dict[str, Any]) -> bool:
    """Whether tables can be made of it; raises an error where something is missing."""
    means = [float(row[key] or 0) for row in record["steps"] for key in ("mean", "interval_95")]
    told = [record[key] for key in ("checkpoint", "iteration", "metric", "seed", "tasks")]
    return bool(means and told) and isinstance(record["made_of"]["settings"], dict)


def _check_same_settings(before: dict[str, Any], wanted: dict[str, Any], file: Path) -> None:
    old, new = before["made_of"]["settings"], wanted["settings"]
    for key in sorted(old.keys() | new.keys()):
        if old.get(key) != new.get(key):
            raise UserError(
                f"evaluation.{key}: {file} was made with {old.get(key)}, not {new.get(key)}; choose another "
                "--output, or move the file away"
            )
