"""Independent simulations of sampling by transitions."""

import numpy as np


def simulate_shared(lengths, budget):
    """Number of episodes that each task completes; None if there are not enough.

    All tasks step together, each through its episodes of `lengths`, shape (task, episode); it is over after the
    step in which the completed episodes of all tasks hold the budget.
    """
    completed, elapsed = [0] * len(lengths), [0] * len(lengths)
    collected = 0
    while collected < budget:
        for task, episodes in enumerate(lengths):
            if completed[task] == len(episodes):
                return None
            elapsed[task] += 1
            if elapsed[task] == episodes[completed[task]]:
                collected += int(elapsed[task])
                completed[task] += 1
                elapsed[task] = 0
    return completed


def simulate_finished(lengths, budget):
    """Number of episodes that one task collects before it has its budget; None if there are not enough."""
    collected = 0
    for number, length in enumerate(lengths):
        if collected >= budget:
            return number
        collected += int(length)
    return len(lengths) if collected >= budget else None


def first(counts, episodes):
    """Mask of the first so many episodes of each task, shape (task, episode)."""
    return np.arange(episodes) < np.array(counts)[:, None]
