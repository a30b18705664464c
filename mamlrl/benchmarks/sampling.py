"""Environment steps per second of whole rollouts, and of the bare physics of the same episodes."""

from __future__ import annotations

from torch import Tensor

from mamlrl.benchmarks.bare_physics import BarePhysics, has_physics
from mamlrl.experiments.policy import PolicyExperiment
from mamlrl.inner_loops.assembly import HOST
from mamlrl.randomness import Randomness
from mamlrl.sampling.rollouts import Rollouts
from mamlrl.sampling.sampler import Sampler
from mamlrl.timing import seconds_of


def sampling_rates(
    config: PolicyExperiment, sampler: Sampler, params: Tensor, repeats: int
) -> tuple[list[float], list[float]]:
    """Measures rollouts, and their bare physics, in turns.

    Args:
        config: The experiment.
        sampler: Sampler whose tasks are set.
        params: Policy parameters, shape (P,), or (task, P).
        repeats: Number of measurements.

    Returns:
        Environment steps per second of each rollout, and of its bare physics; of none where there are none.
    """
    physics = BarePhysics(config, sampler) if has_physics(config, sampler) else None
    sampled, stepped = [], []
    for seed in range(repeats):
        rollouts: list[Rollouts] = []
        randomness, again = (Randomness.from_seed(seed, HOST) for _ in range(2))

        def sample(randomness: Randomness = randomness, rollouts: list[Rollouts] = rollouts) -> None:
            rollouts.append(sampler.sample(params, randomness))

        seconds = seconds_of(sample, params.device)
        sampled.append(rollouts[0].transitions / seconds)
        if physics is not None:
            stepped.append(rollouts[0].transitions / physics.seconds(rollouts[0], again))
    return sampled, stepped
