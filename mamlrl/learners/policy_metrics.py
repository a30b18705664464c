"""Metrics of acting and adapting in a meta-iteration."""

from __future__ import annotations

from collections.abc import Iterable

from torch import Tensor

from mamlrl.inner_loops.policy import AdaptedTasks
from mamlrl.learners.gradient_meta_learner import inner_gradient_norms
from mamlrl.metric_names import RETURN, Metrics, after_step, over_tasks, spread
from mamlrl.networks.distribution import Distribution
from mamlrl.sampling.rollouts import task_values


def acting_metrics(
    adapted: AdaptedTasks, info: Iterable[str], distribution: Distribution, pooled: bool = False
) -> Metrics:
    """Returns what a meta-iteration tells of its tasks.

    Args:
        adapted: The adaptation; its last rollouts are those of the adapted policies.
        info: Names of the numbers from the environment.
        distribution: Distribution of the actions.
        pooled: Whether each episode has a task of its own, see `PolicyInnerLoop`.
    """
    values = task_values(adapted.rollouts, info)
    returns = [each.episode_returns() for each in adapted.rollouts] if pooled else values[RETURN]
    metrics = {**over_tasks(values), **spread(returns)}
    for step, processed in enumerate(adapted.processed):
        metrics[after_step("explained_variance", step)] = mean_of_defined(processed.explained_variance)
    metrics |= inner_gradient_norms(adapted.adaptation)
    metrics["diverged_simulations"] = adapted.diverged
    batch = adapted.processed[-1].batch
    entropy = distribution.entropy(batch.outputs)
    metrics["entropy"] = float((batch.weights * entropy).sum(dim=1).mean())
    return metrics


def mean_of_defined(values: Tensor) -> float:
    """Returns the mean of the numbers that are not NaN, or NaN if there is none."""
    return float(values[~values.isnan()].mean())
