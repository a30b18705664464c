"""The floor under sampling: the physics of the same episodes and nothing else."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, cast

import numpy as np
import torch

from mamlrl.envs import TaskEnv
from mamlrl.envs.arrays import on_host
from mamlrl.experiments.policy import PolicyExperiment
from mamlrl.randomness import Randomness
from mamlrl.sampling.build import make_task_env, on_device
from mamlrl.sampling.rollouts import Rollouts
from mamlrl.sampling.sampler import Sampler
from mamlrl.timing import seconds_of

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
        env.set_tasks(np.concatenate([on_host(group.env.tasks) for group in sampler.groups]))
        env.reset()
        self.simulator = _simulator(env)
        self._device = torch.device(env.device)

    def seconds(self, rollouts: Rollouts, randomness: Randomness) -> float:
        """Seconds for the steps of rollouts; `randomness` is as it was before they were sampled."""
        self._start(randomness.env_seeds(self._sampler.share.tasks))
        steps = range(rollouts.mask.shape[2])
        controls = [self._sampler.groups[0].time_step.to_env(rollouts.actions[:, :, step]) for step in steps]
        running = [self.simulator.asarray(rollouts.mask[:, :, step].flatten().bool().cpu()) for step in steps]

        def integrate() -> None:
            for inputs in zip(controls, running, strict=True):
                self.simulator.integrate(*inputs)

        return seconds_of(integrate, self._device)

    def _start(self, seeds: Sequence[int]) -> None:
        """Puts the simulations into the initial states that the sampler found with seeds, one for each task."""
        simulators = []
        for group in self._sampler.groups:
            first = group.first_task - self._sampler.share.tasks.start
            group.env.reset(seed=seeds[first : first + group.num_tasks])
            simulators.append(_simulator(group.env))
        positions = np.concatenate([on_host(simulator.positions) for simulator in simulators])
        velocities = np.concatenate([on_host(simulator.velocities) for simulator in simulators])
        everything = self.simulator.asarray(np.ones(len(positions), dtype=np.bool_))
        self.simulator.reset(everything, positions, velocities)


def has_physics(config: PolicyExperiment, sampler: Sampler) -> bool:
    """Returns whether there are bare physics of the episodes that a sampler collects."""
    return hasattr(sampler.env, "simulator") and config.sampling.unit == "episodes"


def _simulator(env: TaskEnv) -> Simulator:
    return cast("LocomotionVectorEnv", env).simulator
