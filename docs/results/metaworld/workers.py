"""Steps Meta-World's reach in this process and in worker processes: the same results, and how much faster (Linux).

    OMP_NUM_THREADS=1 python docs/results/metaworld/workers.py

`steps_per_second` is by the clock, and means something on a machine that does nothing else. On a busy one,
`cpu_bound` says what it would be if every process had a core of its own: steps divided by the CPU time of this
process and of the worker that took longest.
"""

from __future__ import annotations

import argparse
import csv
import multiprocessing
import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import gymnasium
import numpy as np
from numpy.typing import NDArray

import mamlrl  # noqa: F401 (registers the family)


class Measured(NamedTuple):
    """What some steps took: seconds by the clock, CPU seconds, and the rewards, shape (step, num_envs)."""

    wall: float
    own: float
    slowest_worker: float
    rewards: NDArray[np.float64]


def cpu_seconds(pid: int) -> float:
    """Returns the CPU time that a process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def measure(workers: int, num_tasks: int, episodes: int, steps: int, **kwargs: object) -> Measured:
    """Steps episodes of several tasks with the same random actions, whatever the number of workers.

    Args:
        workers: Number of processes; 0 for this one alone.
        num_tasks: Number of tasks.
        episodes: Episodes of each task.
        steps: Steps of every episode.
        **kwargs: For the family.
    """
    num_envs, rng = num_tasks * episodes, np.random.default_rng(0)
    env = gymnasium.make_vec("mamlrl/MetaWorld-v0", num_envs=num_envs, workers=workers, horizon=steps, **kwargs)
    env.unwrapped.set_tasks(env.unwrapped.sample_tasks(rng, num_tasks))
    env.reset(seed=0)
    actions = rng.uniform(-1, 1, (steps, num_envs, 4)).astype(np.float32)
    pids = [process.pid for process in multiprocessing.active_children() if process.pid is not None]
    before = [cpu_seconds(pid) for pid in pids]
    own, wall = time.process_time(), time.perf_counter()
    rewards = np.array([env.step(each)[1] for each in actions])
    wall, own = time.perf_counter() - wall, time.process_time() - own
    used = [cpu_seconds(pid) - start for pid, start in zip(pids, before, strict=True)]
    env.close()
    return Measured(wall, own, max(used, default=0.0), rewards)


def main(arguments: Sequence[str] | None = None) -> None:
    """Prints steps per second as CSV."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--workers", type=int, nargs="+", default=[0, 1, 2])
    for name, default in (("tasks", 10), ("episodes", 5), ("steps", 100), ("repetitions", 3)):
        parser.add_argument(f"--{name}", type=int, default=default)
    options = parser.parse_args(arguments)
    size = (options.tasks, options.episodes, options.steps)
    count = int(np.prod(size))
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(["repetition", "workers", "steps_per_second", "cpu_bound", "same_results"])
    first = None
    for repetition in range(options.repetitions):
        for workers in options.workers:
            measured = measure(workers, *size, benchmark="ML1", name="reach-v3")
            first = measured.rewards if first is None else first
            speeds = (count / measured.wall, count / (measured.own + measured.slowest_worker))
            same = np.array_equal(measured.rewards, first)
            writer.writerow([repetition, workers, *(f"{speed:.0f}" for speed in speeds), same])
            sys.stdout.flush()


if __name__ == "__main__":
    main()
