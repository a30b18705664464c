"""The floor under sampling: the physics of the same episodes and nothing else."""

from __future__ import annotations

from collections.abc import Sequence
from time import perf_counter
from typing import TYPE_CHECKING, cast

import numpy as np

from mamlrl.envs import TaskEnv
from mamlrl.experiments.policy import PolicyExperiment
from mamlrl.randomness import Randomness
from mamlrl.sampling.build import make_task_env, on_device
from mamlrl.sampling.rollouts import Rollouts
from mamlrl.sampling.sampler import Sampler

if TYPE_CHECKING:  # a benchmark without physics does not need MuJoCo
    from mamlrl.envs.locomotion.locomotion_env import LocomotionVectorEnv
    from mamlrl.envs.physics.simulator import Simulator


class BarePhysics:
    """Steps the simulations of all groups of tasks in one simulator, on all CPUs, with given controls.

    Args:
        config: The experiment.
        sampler: Sampler whose tasks are set.

    Attributes:
        simulator: Simulator of all episodes.
    """

    def __init__(self, config: PolicyExperiment, sampler: Sampler) -> None:
        self._sampler = sampler
        num_envs = sampler.num_tasks * config.sampling.episodes_per_task
        env = make_task_env(on_device(config.env, config.device), num_envs)
        env.set_tasks(np.concatenate([group.env.tasks for group in sampler.groups]))
        env.reset()
        self.simulator = _simulator(env)

    def seconds(self, rollouts: Rollouts, randomness: Randomness) -> float:
        """Seconds for the steps of rollouts; `randomness` is as it was before they were sampled."""
        self._start(randomness.env_seeds(range(self._sampler.num_tasks)))
        steps = range(rollouts.mask.shape[2])
        controls = [self._sampler.groups[0].to_env(rollouts.actions[:, :, step]) for step in steps]
        running = [rollouts.mask[:, :, step].flatten().bool().cpu().numpy() for step in steps]
        start = perf_counter()
        for inputs in zip(controls, running, strict=True):
            self.simulator.integrate(*inputs)
        return perf_counter() - start

    def _start(self, seeds: Sequence[int]) -> None:
        """Puts the simulations into the initial states that the sampler found with seeds, one for each task."""
        simulators = []
        for group in self._sampler.groups:
            first = group.first_task
            group.env.reset(seed=seeds[first : first + group.num_tasks])
            simulators.append(_simulator(group.env))
        positions = np.concatenate([simulator.positions for simulator in simulators])
        velocities = np.concatenate([simulator.velocities for simulator in simulators])
        self.simulator.reset(np.ones(len(positions), dtype=np.bool_), positions, velocities)


def _simulator(env: TaskEnv) -> Simulator:
    return cast("LocomotionVectorEnv", env).simulator
