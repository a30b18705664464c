"""An independent simulation of sampling by transitions."""

import heapq

import numpy as np


def simulate_budget(lengths, budget):
    """Episodes, as (round, slot), that a sampler with a budget completes; None if it wants more of them.

    Every slot runs its episodes one after another; the sampler stops at the first moment at which the
    episodes completed so far hold the budget. `lengths` has shape (round, slot).
    """
    rounds, slots = lengths.shape
    events = [(int(lengths[0, slot]), slot, 0) for slot in range(slots)]
    heapq.heapify(events)
    completed, collected = set(), 0
    while True:
        now, out_of_episodes = events[0][0], False
        while events and events[0][0] == now:
            _, slot, number = heapq.heappop(events)
            completed.add((number, slot))
            collected += lengths[number, slot]
            if number + 1 < rounds:
                heapq.heappush(events, (now + int(lengths[number + 1, slot]), slot, number + 1))
            else:
                out_of_episodes = True
        if collected >= budget:
            return completed
        if out_of_episodes:
            return None


def kept_by_simulation(lengths, budget):
    """The simulation of every task as a mask of shape (task, round x slot); `lengths` is (round, task, slot)."""
    rounds, tasks, slots = lengths.shape
    kept = np.zeros((tasks, rounds, slots), dtype=bool)
    for task in range(tasks):
        completed = simulate_budget(lengths[:, task], budget)
        if completed is None:
            return None
        for number, slot in completed:
            kept[task, number, slot] = True
    return kept.reshape(tasks, -1)
