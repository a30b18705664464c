"""Metrics of the tasks of all processes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import isnan

import torch
from torch import Tensor

from mamlrl.distributed.exchange import all_sum, gather
from mamlrl.distributed.team import Share, size
from mamlrl.metric_names import Metrics


def of_all_tasks(values: Mapping[str, Sequence[Tensor]], share: Share | None = None) -> dict[str, list[Tensor]]:
    """Returns numbers of the tasks of all processes, in their order.

    Args:
        values: Numbers of this process's tasks by name: a tensor for each step, say, each of shape (task, ...).
        share: Which tasks they are; those of this process alone by default.
    """
    if size() == 1 or (share is not None and share.is_all):
        return {name: list(tensors) for name, tensors in values.items()}
    parts = gather(
        {name: [each.tolist() for each in tensors] for name, tensors in values.items()}
    )  # fast to pickle
    return {
        name: [
            torch.tensor([number for part in parts for number in part[name][index]], dtype=each.dtype)
            for index, each in enumerate(tensors)
        ]
        for name, tensors in values.items()
    }


def combined(metrics: Metrics, num_tasks: float) -> Metrics:
    """Returns means over the tasks of all processes from those over the tasks of each; NaN counts for none.

    Args:
        metrics: Metrics of this process, whose names are the same on all of them.
        num_tasks: Number of tasks of this process.
    """
    if size() == 1 or not metrics:
        return metrics
    pairs = [(0.0, 0.0) if isnan(value) else (value * num_tasks, num_tasks) for value in metrics.values()]
    totals = all_sum(torch.tensor(pairs, dtype=torch.float64)).tolist()
    return {
        name: total / weight if weight else float("nan")
        for name, (total, weight) in zip(metrics, totals, strict=True)
    }
