"""Which episodes samplers keep that collect a number of transitions, not of episodes."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

# (lengths of each round, shape (task, episode); transitions per task) -> kept episodes, None for more rounds
Budget = Callable[[Sequence[Tensor], int], Tensor | None]


def shared_budget(rounds: Sequence[Tensor], transitions: int) -> Tensor | None:
    """Keeps what is complete when the episodes of all tasks together hold the budget of all.

    So does the sampler that the original code meta-trains 2D navigation with: every task runs one episode after
    the other, all in step, and those that run when the budget is reached are dropped.

    Args:
        rounds: Lengths of the episodes, one tensor for each round, each of shape (task, episode). Of the episodes
            of a task, each starts when the one before has ended.
        transitions: Budget per task; all tasks share the sum.

    Returns:
        Mask of kept episodes, shape (task, round x episode), or None if more rounds are needed to tell.
    """
    lengths = torch.cat(list(rounds), dim=1)
    completion = lengths.cumsum(dim=1)
    order = completion.flatten().argsort(stable=True)
    enough = lengths.flatten()[order].cumsum(dim=0) >= transitions * len(lengths)
    if not bool(enough[-1]):
        return None
    stop = completion.flatten()[order[enough.int().argmax()]]
    return completion <= stop if bool((completion[:, -1] >= stop).all()) else None


def finished_budget(rounds: Sequence[Tensor], transitions: int) -> Tensor | None:
    """Keeps the episodes of every task up to the one that reaches its budget, which is finished.

    So do the workers that the original code evaluates with. Short episodes are seen about as often as they are.

    Args:
        rounds: See `shared_budget`.
        transitions: Budget of every task.

    Returns:
        Mask of kept episodes, shape (task, round x episode), or None if more rounds are needed.
    """
    lengths = torch.cat(list(rounds), dim=1)
    collected = lengths.cumsum(dim=1)
    return collected - lengths < transitions if bool((collected[:, -1] >= transitions).all()) else None
