"""Tables of a comparison: means over tasks, or over seeds, with intervals, and published numbers beside them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from mamlrl.evaluation.evaluation import mean_interval
from mamlrl.metric_names import ENV_STEPS
from mamlrl.reproduction.plan import PlannedRun
from mamlrl.reproduction.recipe import Recipe

QUICK = "Everything is small (`--quick`): the numbers show that it works, and nothing else."
COUNTS = ("tasks", "seeds", "step size", "iterations", "env steps")  # columns after those of steps


def method_row(
    recipe: Recipe,
    method: str,
    runs: Sequence[PlannedRun],
    records: Sequence[Mapping[str, Any]],
    quick: bool = False,
) -> dict[str, Any]:
    """Returns what tables hold of a method.

    Args:
        recipe: The comparison.
        method: Name of the method.
        runs: Its runs.
        records: Their evaluations, in the same order.
        quick: Whether everything was small.

    Returns:
        `means` after 0, 1, ... steps and their 95% intervals, `intervals_95`, both over seeds where there are
        several, otherwise over tasks, as `over` says; for each seed its mean and its interval over tasks; the step
        size and what it was chosen by, meta-iterations and environment steps.
    """
    seeds = [_seed(record) for record in records]
    means, widths = seeds[0]["means"], seeds[0]["intervals_95"]
    if len(seeds) > 1:
        columns = zip(*(seed["means"] for seed in seeds), strict=True)
        means, widths = map(list, zip(*map(mean_interval, columns), strict=True))
    choice = records[0].get("step_size_choice")
    steps = [rows[-1][ENV_STEPS] for run in runs if (rows := run.metrics()) and ENV_STEPS in rows[-1]]
    return {
        "method": method,
        "label": recipe.labels[method],
        "options": recipe.options(method, quick),
        "over": "seeds" if len(seeds) > 1 else "tasks",
        "means": means,
        "intervals_95": widths,
        "tasks": _count(records[0]["tasks"]),
        "seeds": seeds,
        "step_size": choice["step_size"] if choice else None,
        "step_size_choice": choice,
        "meta_iterations": records[0]["iteration"],
        "env_steps": sum(steps) / len(steps) if steps else None,
    }


def _seed(record: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "seed": record["seed"],
        "checkpoint": record["checkpoint"],
        "means": [row["mean"] for row in record["steps"]],
        "intervals_95": [row["interval_95"] for row in record["steps"]],
    }


def _count(tasks: Any) -> int:
    return tasks if isinstance(tasks, int) else len(tasks)


def markdown(
    recipe: Recipe,
    rows: Sequence[Mapping[str, Any]],
    metric: str,
    decimals: int,
    command: str,
    quick: bool = False,
) -> str:
    """Returns the table of a comparison as Markdown.

    Args:
        recipe: The comparison.
        rows: From `method_row`.
        metric: Name of the metric.
        decimals: Decimals of the metric.
        command: What makes the table.
        quick: Whether everything was small, so that nothing published is comparable.
    """
    steps = recipe.steps or range(max(len(row["means"]) for row in rows))
    head = ["", *("1 step" if step == 1 else f"{step} steps" for step in steps), *COUNTS]
    table = []
    for row in rows:
        cells = [_cell(row["means"], row["intervals_95"], step, decimals) for step in steps]
        table.append([row["label"], *cells, *_counts(row)])
    for each in () if quick else recipe.published:
        cells = [f"{each.means[step]:.{decimals}f}" if step in each.means else "" for step in steps]
        table.append([f"{each.label} ({each.source})", *cells, *("" for _ in COUNTS)])
    told = [column for column in zip(head, *table, strict=True) if any(column[1:])]
    lines = [f"| {' | '.join(cells)} |" for cells in zip(*told, strict=True)]
    lines.insert(1, "|---" * len(told) + "|")
    small = [QUICK, ""] if quick else []
    return "\n".join(
        [f"# {recipe.title}", "", *small, _caption(rows, metric), "", *lines, "", f"    {command}", ""]
    )


def _cell(means: Sequence[float], widths: Sequence[float | None], step: int, decimals: int) -> str:
    if step >= len(means):
        return ""
    width = "" if widths[step] is None else f" +- {widths[step]:.{decimals}f}"
    return f"{means[step]:.{decimals}f}{width}"


def _counts(row: Mapping[str, Any]) -> list[str]:
    size, env_steps = row["step_size"], row["env_steps"]
    return [
        str(row["tasks"]),
        str(len(row["seeds"])),
        "" if size is None else f"{size:g}",
        str(row["meta_iterations"]),
        "" if env_steps is None else f"{env_steps / 1e6:.2f} M" if env_steps >= 1e5 else f"{env_steps:,.0f}",
    ]


def _caption(rows: Sequence[Mapping[str, Any]], metric: str) -> str:
    same = ", the same for all methods," if len({row["tasks"] for row in rows}) == 1 else ""
    intervals = " or ".join(sorted({row["over"] for row in rows}))
    caption = f"Mean {metric} on held-out tasks{same} with its 95% interval over {intervals}."
    chosen = any(row["step_size"] is not None for row in rows)
    return f"{caption} A step size is one that was chosen on validation tasks." if chosen else caption
