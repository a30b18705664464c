"""Metrics of acting and adapting in a meta-iteration."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor

from mamlrl.distributed.metrics import combined, of_all_tasks
from mamlrl.inner_loops.policy import AdaptedTasks
from mamlrl.learners.gradient_meta_learner import inner_gradient_norms
from mamlrl.metric_names import ENV_STEPS, RETURN, Metrics, after_step, over_tasks, spread
from mamlrl.networks.distribution import Distribution
from mamlrl.sampling.rollouts import task_values

_VALUE = "value of "  # begins the names of numbers that the environment names


def acting_metrics(
    adapted: AdaptedTasks, info: Iterable[str], distribution: Distribution, pooled: bool = False
) -> Metrics:
    """Returns what a meta-iteration tells of the tasks of all processes, and the steps that it took in them.

    Args:
        adapted: The adaptation; its last rollouts are those of the adapted policies.
        info: Names of the numbers from the environment.
        distribution: Distribution of the actions.
        pooled: Whether each episode has a task of its own, see `PolicyInnerLoop`.
    """
    values = task_values(adapted.rollouts, info)
    returns = [each.episode_returns() for each in adapted.rollouts] if pooled else values[RETURN]
    batch = adapted.processed[-1].batch
    ours = {
        "returns": returns,
        "explained variance": [each.explained_variance for each in adapted.processed],
        "gradients": [update.gradients[0].norm(dim=1) for update in adapted.adaptation.updates],
        "diverged": [torch.tensor([adapted.diverged])],
        "steps": [torch.tensor([rollouts.transitions]) for rollouts in adapted.rollouts],
        "entropy": [(batch.weights * distribution.entropy(batch.outputs)).sum(dim=1)],
    }
    everyone = of_all_tasks({**ours, **{_VALUE + name: steps for name, steps in values.items()}})
    metrics = {**over_tasks({name: everyone[_VALUE + name] for name in values}), **spread(everyone["returns"])}
    metrics[ENV_STEPS] = sum(int(each.sum()) for each in everyone["steps"])
    for step, explained in enumerate(everyone["explained variance"]):
        metrics[after_step("explained_variance", step)] = mean_of_defined(explained)
    metrics |= inner_gradient_norms(everyone["gradients"])
    metrics["diverged_simulations"] = int(everyone["diverged"][0].sum())
    metrics["entropy"] = float(everyone["entropy"][0].mean())
    if pooled:  # one task, of which each process has some of the episodes and samples
        metrics |= combined(over_tasks(values), len(returns[0]))
        metrics |= combined({"entropy": float(ours["entropy"][0])}, batch.num_samples)
    return metrics


def mean_of_defined(values: Tensor) -> float:
    """Returns the mean of the numbers that are not NaN, or NaN if there is none."""
    return float(values[~values.isnan()].mean())
