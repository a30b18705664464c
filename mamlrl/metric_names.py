"""The names of metrics: where they are made, and where they are read from a run's CSV."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

Metrics = dict[str, float]

ITERATION = "iteration"
WALL_TIME = "wall_time"  # Unix time in seconds, when an iteration was recorded
ENV_STEPS = "env_steps"
KL = "kl"
META_GRADIENT_NORM = "gradient_norm/meta"
SECONDS = "seconds/"
_AFTER_STEP = "/step_"
_OUTER_STEP = (
    *("entropy", KL, "surrogate_improvement", "line_search_accepted", "line_search_steps"),
    *("cg_iterations", "cg_residual"),
)
_GROUPS = {ENV_STEPS: "sampling", "diverged_simulations": "sampling", **dict.fromkeys(_OUTER_STEP, "outer_step")}


def after_step(metric: str, step: int) -> str:
    """Returns the name of a metric's mean over tasks after a number of inner steps, such as `return/step_1`."""
    return f"{metric}{_AFTER_STEP}{step}"


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
