"""Batched rollouts: all episodes of all tasks, in groups of tasks that are sampled at the same time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from math import prod
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from mamlrl.distributed.exchange import gather
from mamlrl.distributed.team import Share
from mamlrl.envs import TaskEnv
from mamlrl.networks.network import Policy
from mamlrl.randomness import Randomness
from mamlrl.sampling.budgets import Budget, shared_budget
from mamlrl.sampling.episode_info import Reduction
from mamlrl.sampling.normalization import ObservationNormalizer
from mamlrl.sampling.rollouts import Rollouts, join, keep
from mamlrl.sampling.settings import SamplingConfig
from mamlrl.sampling.task_group import TaskGroup, Watch
from mamlrl.threads import one_thread_per_operation


class Sampler:
    """Rolls policies out in task environments.

    The tasks are in groups with an environment each. Groups are sampled at the same time, in threads: while one
    steps its environment, which releases Python's lock, another evaluates its policy.

    Args:
        envs: One environment per group of tasks; the sub-environments of a task are its
            `config.episodes_per_task` episodes.
        policy: Maps parameters and observations to the outputs of its action distribution.
        config: How much to collect.
        device: Where the policy runs and the rollouts live.
        watch: Called after each reset and each step of each environment, in its group's thread, with the rewards
            of the step and who is still running, both of shape (num_envs,).
        budget: Which episodes to keep where `config.unit` is `transitions`.
        info: Keys of the environments' info to collect, and how each is reduced over an episode.
        share: Which tasks of a meta-batch these are; all of it by default.

    Attributes:
        num_tasks: Number of tasks in all groups.
        share: Which tasks of a meta-batch they are.
        normalizer: What the policy sees observations through; None where it sees them as they are.
    """

    def __init__(
        self,
        envs: Sequence[TaskEnv],
        policy: Policy,
        config: SamplingConfig,
        device: torch.device,
        watch: Watch | None = None,
        budget: Budget = shared_budget,
        info: Mapping[str, Reduction] | None = None,
        share: Share | None = None,
    ) -> None:
        self.policy = policy
        self.groups: list[TaskGroup] = []
        self.num_tasks = 0
        first = share.tasks.start if share else 0
        for env in envs:
            self.groups.append(TaskGroup(env, first + self.num_tasks, policy, config, device, watch, info or {}))
            self.num_tasks += self.groups[-1].num_tasks
        size = prod(self.env.single_observation_space.shape or ())
        self.normalizer = ObservationNormalizer.empty(size) if config.normalize_observations else None
        self.share = share or Share.whole(self.num_tasks)
        self._sizes = [group.num_tasks for group in self.groups]
        self._config = config
        self._device = device
        self._budget = budget

    @property
    def diverged(self) -> int:
        """Simulations that diverged so far, whose episodes are left out of the rollouts."""
        return sum(group.diverged for group in self.groups)

    @property
    def env(self) -> TaskEnv:
        """The environment of the first group."""
        return self.groups[0].env

    @property
    def horizon(self) -> int:
        """Steps after which an episode is truncated."""
        return self.env.horizon

    def take_normalizer(self, state: Mapping[str, Any] | None) -> None:
        """Takes the statistics of observations of a learner's state, where the settings ask for any.

        Raises:
            UserError: If there are none.
        """
        if self.normalizer is not None:
            self.normalizer = ObservationNormalizer.restore(state or {}, len(self.normalizer.mean))

    def sample_tasks(self, rng: np.random.Generator, of_episodes: bool = False) -> NDArray[np.float64]:
        """Draws the tasks of a meta-batch from the distribution to train on, and returns those for all groups.

        Args:
            rng: Source of randomness.
            of_episodes: Whether to draw a task for each episode.

        Returns:
            Shape (num_tasks, ...), or (num_tasks * episodes_per_task, ...).
        """
        episodes = self._config.episodes_per_task if of_episodes else 1
        tasks = self.groups[0].checked.sample_tasks(rng, self.share.total * episodes)
        return tasks[self.share.tasks.start * episodes : self.share.tasks.stop * episodes]

    def sample_validation_tasks(self, rng: np.random.Generator) -> NDArray[np.float64]:
        """Draws tasks for all groups to choose settings and checkpoints by, shape (num_tasks, ...)."""
        return self.groups[0].checked.sample_validation_tasks(rng, self.share.total)[self.share.part]

    def sample_test_tasks(self, rng: np.random.Generator) -> NDArray[np.float64]:
        """Draws tasks for all groups from the distribution to test on, shape (num_tasks, ...)."""
        return self.groups[0].checked.sample_test_tasks(rng, self.share.total)[self.share.part]

    def set_tasks(self, tasks: NDArray[np.float64]) -> None:
        """Assigns tasks for all episodes to come, of either shape that `sample_tasks` returns."""
        parts = np.split(tasks, len(tasks) // self.num_tasks * np.cumsum(self._sizes)[:-1])
        for group, part in zip(self.groups, parts, strict=True):
            group.checked.set_tasks(part)

    def sample(self, params: Tensor, randomness: Randomness, deterministic: bool = False) -> Rollouts:
        """Collects episodes of every task.

        Args:
            params: Policy parameters, shape (P,), or (task, P).
            randomness: Randomness of the environments and the actions.
            deterministic: Whether every action is the most likely one.

        Returns:
            The rollouts.

        Raises:
            NonFiniteError: If an observation, a reward or an action is not finite, or an action absurdly large.
            TaskEnvError: If an environment raises an error, breaks its contract, or lacks a key of info.
            DivergenceError: If all simulations of a task diverged.
        """
        with one_thread_per_operation():  # others spin after every operation and would slow down the environment's
            rounds = [self._collect(params, randomness, deterministic)]
            if self._config.unit == "episodes":
                return rounds[0]
            transitions = self._config.episodes_per_task * self.horizon
            while (kept := self._budget(self._lengths(rounds), transitions)) is None:
                rounds.append(self._collect(params, randomness, deterministic))
        return keep(join(rounds, dim=1), kept[self.share.part])

    def _lengths(self, rounds: Sequence[Rollouts]) -> list[Tensor]:
        """Returns how long the episodes of all tasks are, those of other processes included, for each round."""
        mine = [rollouts.mask.sum(dim=2).cpu() for rollouts in rounds]
        parts = [mine] if self.share.is_all else gather(mine)
        return [torch.cat(lengths).to(self._device) for lengths in zip(*parts, strict=True)]

    def _collect(self, params: Tensor, randomness: Randomness, deterministic: bool) -> Rollouts:
        """Runs one episode in every sub-environment."""
        tasks = self.share.tasks
        seeds = randomness.env_seeds(tasks)
        noise = self._noise(randomness.action_seeds(tasks), params.dtype)
        if deterministic:
            noise.zero_()
        parts = params.split(self._sizes) if params.dim() == 2 else [params] * len(self.groups)
        env_seeds = [seeds[group.first_task - tasks.start :][: group.num_tasks] for group in self.groups]
        arguments = zip(parts, noise.split(self._sizes, dim=1), env_seeds, strict=True)
        first, *others = [
            partial(group.collect, *each, normalizer=self.normalizer)
            for group, each in zip(self.groups, arguments, strict=True)
        ]
        with ThreadPoolExecutor(len(self.groups)) as threads:
            futures = [threads.submit(collect) for collect in others]
            return join([first(), *(future.result() for future in futures)], dim=0)

    def _noise(self, seeds: Sequence[int], dtype: torch.dtype) -> Tensor:
        """Draws the randomness of all actions, each task's by itself, shape (horizon, task, episode, ...)."""
        generator, draw = torch.Generator(), self.policy.distribution.noise  # on the CPU: the same on all devices
        shape = (self.horizon, self._config.episodes_per_task)
        noise = torch.stack([draw(shape, generator.manual_seed(seed), dtype) for seed in seeds], dim=1)
        return noise.to(self._device)
