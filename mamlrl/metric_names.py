"""The names of metrics: where they are made, and where they are read from a run's CSV."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor

Metrics = dict[str, float]

ITERATION = "iteration"
WALL_TIME = "wall_time"  # Unix time in seconds, when an iteration was recorded
ENV_STEPS = "env_steps"
STEPS_PER_SECOND = "env_steps_per_second"  # while episodes were sampled; like all times, no seed determines it
RETURN, RETURN_STD, WORST_RETURN = "return", "return_std", "worst_return"  # over tasks
KL = "kl"
META_GRADIENT_NORM = "gradient_norm/meta"
CLASS_CROSS_ENTROPY, CLASS_ACCURACY = "classes/cross_entropy", "classes/accuracy"  # over all classes, in training
SECONDS = "seconds/"
VALIDATION = "validation/"  # begins the names of what is measured on validation tasks
_AFTER_STEP = "/step_"
_OUTER_STEP = (
    *("entropy", KL, "surrogate_improvement", "line_search_accepted", "line_search_steps"),
    *("cg_iterations", "cg_residual"),
)
_TAKEN = (  # which no number from an environment may have for a name
    *(RETURN, RETURN_STD, WORST_RETURN, "explained_variance", "loss"),
    *("step", "mean", "interval_95", "returns", "info"),  # keys of evaluations' rows
)
_GROUPS = {
    ENV_STEPS: "sampling",
    STEPS_PER_SECOND: "sampling",
    "diverged_simulations": "sampling",
    **dict.fromkeys(_OUTER_STEP, "outer_step"),
}


def after_step(metric: str, step: int) -> str:
    """Returns the name of a metric's mean over tasks after a number of inner steps, such as `return/step_1`."""
    return f"{metric}{_AFTER_STEP}{step}"


def check_name(name: str) -> None:
    """Refuses a name that a metric of another's cannot have.

    Raises:
        ValueError: If it is the name of one of ours, or cannot be told from one in a file.
    """
    if name in _TAKEN:
        raise ValueError(f"{name} is the name of another metric")
    if not name.strip() or not name.isprintable() or _AFTER_STEP in name or name.startswith((VALIDATION, SECONDS)):
        raise ValueError(f"{name!r} cannot be the name of a metric")


def over_tasks(values: Mapping[str, Sequence[Tensor]]) -> Metrics:
    """Returns the mean over tasks of each metric after each step.

    Args:
        values: Each task's value by metric and number of inner steps, of shape (task,).

    Example:
        >>> import torch
        >>> over_tasks({"return": [torch.tensor([1.0, 3.0])]})
        {'return/step_0': 2.0}
    """
    return {
        after_step(name, step): float(tasks.mean())
        for name, steps in values.items()
        for step, tasks in enumerate(steps)
    }


def spread(steps: Iterable[Tensor]) -> Metrics:
    """Returns standard deviation (of a sample: NaN for a single task) and worst of the tasks' returns.

    Args:
        steps: Returns by number of inner steps, each of shape (task,).
    """
    metrics: Metrics = {}
    for step, returns in enumerate(steps):
        deviation = float(returns.std()) if len(returns) > 1 else float("nan")
        metrics[after_step(RETURN_STD, step)] = deviation
        metrics[after_step(WORST_RETURN, step)] = float(returns.min())
    return metrics


def headline(names: Iterable[str]) -> str:
    """Returns the metric to show first, such as `return`: that of the first name after 0 steps.

    Raises:
        ValueError: If there is none.
    """
    first = next((name for name in names if name.endswith(after_step("", 0))), None)
    if first is None:
        raise ValueError(f"there is no metric named METRIC{after_step('', 0)}")
    return first.removesuffix(after_step("", 0))


def steps_of(metric: str, names: Iterable[str]) -> dict[int, str]:
    """Returns the names of a metric's means by the number of inner steps they are after, in the order given."""
    prefix = f"{metric}{_AFTER_STEP}"
    return {int(name.removeprefix(prefix)): name for name in names if name.startswith(prefix)}


def names_of(columns: Iterable[str]) -> list[str]:
    """Returns the names of metrics that columns hold, each once, whatever the number of inner steps.

    Example:
        >>> names_of(["return/step_0", "return/step_1", "kl"])
        ['return', 'kl']
    """
    return list(dict.fromkeys(column.rpartition(_AFTER_STEP)[0] or column for column in columns))


def means(rows: Sequence[Metrics]) -> Metrics:
    """Returns the mean of each metric over rows, which have the same metrics."""
    return {name: sum(row[name] for row in rows) / len(rows) for name in rows[0]} if rows else {}


def seconds(phases: Mapping[str, float]) -> Metrics:
    """Returns the metrics that say how many seconds each phase took."""
    return {f"{SECONDS}{phase}": duration for phase, duration in phases.items()}


def grouped(name: str) -> str:
    """Returns a metric's name with a group before it, by which TensorBoard sorts its charts.

    Example:
        >>> grouped("kl"), grouped("return/step_1")
        ('outer_step/kl', 'return/step_1')
    """
    return f"{_GROUPS[name]}/{name}" if name in _GROUPS else name
