"""Environment steps per second against the number of episodes at the same time, up to saturation."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from itertools import count
from math import nan
from statistics import median

import torch

from mamlrl.benchmarks.sampling import sampling_rates
from mamlrl.benchmarks.variants import simulator_of
from mamlrl.errors import UserError, one_line
from mamlrl.experiments.policy import PolicyExperiment
from mamlrl.inner_loops.assembly import assemble_policy

GAIN = 1.05  # of the best throughput so far, below which twice as many episodes are no more worth while
PATIENCE = 2  # doublings in a row without such a gain


@dataclass(frozen=True)
class Throughput:
    """What was measured with a number of episodes.

    Attributes:
        device: Where the policy acts.
        simulator: Name of the simulator; empty without one.
        episodes: Episodes at the same time, of all tasks.
        steps_per_second: Environment steps of whole rollouts, policy and all, in a second.
        physics_steps_per_second: The same of the bare physics; NaN without a simulator.
    """

    device: str
    simulator: str
    episodes: int
    steps_per_second: float
    physics_steps_per_second: float


def throughput(experiment: PolicyExperiment, repeats: int) -> Throughput:
    """Measures whole rollouts of policies of which every task has its own, and the bare physics of the same.

    Args:
        experiment: The experiment; it says how many tasks and episodes.
        repeats: Measurements that the numbers are medians of, after one that does not count.

    Raises:
        UserError: If the experiment cannot be run, or does not fit into memory.
    """
    sampling = replace(experiment.sampling, unit="episodes")
    experiment = replace(experiment, sampling=sampling)
    assembly = assemble_policy(experiment, experiment.meta_batch_size, experiment.seed)
    sampler, device = assembly.sampler, assembly.device
    sampler.set_tasks(sampler.sample_tasks(assembly.randomness.rng))
    theta = assembly.policy.init(assembly.randomness.generator).to(device)
    phi = theta.expand(experiment.meta_batch_size, -1).contiguous()
    sampled, stepped = sampling_rates(experiment, sampler, phi, repeats + 1)
    return Throughput(
        device=experiment.device,
        simulator=simulator_of(experiment) or "",
        episodes=experiment.meta_batch_size * sampling.episodes_per_task,
        steps_per_second=median(sampled[1:]),
        physics_steps_per_second=median(stepped[1:]) if stepped else nan,
    )


def sweep(experiment: PolicyExperiment, repeats: int, note: Callable[[str], object]) -> Iterator[Throughput]:
    """Measures with 1, 2, 4, ... episodes of each task, until more are not faster or do not fit into memory.

    Args:
        experiment: The experiment.
        repeats: See `throughput`.
        note: Is told why the sweep ended.

    Raises:
        UserError: If the experiment cannot be run at all.
    """
    best, without_gain = 0.0, 0
    for doublings in count():
        sampling = replace(experiment.sampling, episodes_per_task=2**doublings)
        try:
            measured = throughput(replace(experiment, sampling=sampling), repeats)
        except (UserError, MemoryError, torch.OutOfMemoryError) as error:
            if not doublings:
                raise
            note(f"no more episodes: {one_line(error)}")
            return
        yield measured
        without_gain = 0 if measured.steps_per_second > GAIN * best else without_gain + 1
        best = max(best, measured.steps_per_second)
        if without_gain >= PATIENCE:
            note("saturated: more episodes are not faster")
            return
