"""Tasks that are sampled together: one environment call and one policy call per time step."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from mamlrl.envs import TaskEnv
from mamlrl.envs.arrays import Array, on_host
from mamlrl.errors import TaskEnvError
from mamlrl.networks.network import Policy
from mamlrl.sampling.actions import absurd_magnitude, check_room
from mamlrl.sampling.blame import check_some_are_valid, error_of, first_fault
from mamlrl.sampling.checked_env import CheckedEnv
from mamlrl.sampling.episode_info import EpisodeInfo, Reduction
from mamlrl.sampling.normalization import ObservationNormalizer
from mamlrl.sampling.rollouts import Rollouts, until_all_ended, without
from mamlrl.sampling.settings import SamplingConfig
from mamlrl.sampling.time_step import After, Before, Ends, Kept, TimeStep

LOOK_EVERY = 32  # steps after which an environment on a device is asked whether all its episodes have ended

Watch = Callable[[NDArray[np.float64], NDArray[np.bool_]], None]


class TaskGroup:
    """Tasks that are sampled together: one environment call and one policy call per time step.

    Where environment and policy are on the same device, everything stays there, and no step waits for it.

    Args:
        env: Environment whose sub-environments are the episodes of the group's tasks.
        first_task: Number of the group's first task among those of all groups.
        policy: Maps parameters and observations to the outputs of its action distribution.
        config: How much to collect.
        device: Where the policy runs and the rollouts live.
        watch: Called after each reset and each step with the rewards of the step and who is still running, both
            of shape (num_envs,).
        info: Keys of info to collect, and how each is reduced over an episode.

    Attributes:
        num_tasks: Number of tasks in the group.
        first_task: Number of the first of them among those of all groups.
        checked: The environment, whose errors and returns are checked.
        time_step: Takes a step of all episodes.
        action_limit: Magnitude that no action of the policy has unless something is wrong with it.
        diverged: Simulations that diverged so far, whose episodes are left out of the rollouts.
    """

    def __init__(
        self,
        env: TaskEnv,
        first_task: int,
        policy: Policy,
        config: SamplingConfig,
        device: torch.device,
        watch: Watch | None,
        info: Mapping[str, Reduction],
    ) -> None:
        self.env = env
        self.first_task = first_task
        self.checked = CheckedEnv(env, first_task, config.episodes_per_task)
        self.num_tasks = env.num_envs // config.episodes_per_task
        self._info = EpisodeInfo(env, self.checked, info)
        self.diverged = 0
        self._device = device
        self._watch = watch
        self._ends: Ends = np.zeros(0), np.zeros(0)
        space = env.single_action_space
        check_room(self.checked.name, space)
        scaling = config.action_scaling(space)
        self.action_limit = absurd_magnitude(space, scaling, config.action_bound)
        self.time_step = TimeStep(env, self.checked, self.num_tasks, policy, scaling, device)
        self._take_step: Callable[[Before, Ends], After] = self.time_step.take
        if config.compile:
            from mamlrl.sampling.compiled_step import CompiledStep  # noqa: PLC0415 (takes seconds)

            self._take_step = CompiledStep(self.time_step, env, self.checked)

    def collect(
        self, params: Tensor, noise: Tensor, seeds: Sequence[int], normalizer: ObservationNormalizer | None = None
    ) -> Rollouts:
        """Runs one episode in every sub-environment.

        Args:
            params: Policy parameters, shape (P,), or (task, P).
            noise: Randomness of the actions, shape (horizon, task, episode, ...).
            seeds: Seeds of the environment, one for each task.
            normalizer: What the policy sees observations through.

        Returns:
            The rollouts; of episodes whose simulation diverged, all is 0, the mask too.

        Raises:
            NonFiniteError: If an observation, a reward or an action is not finite, or an action absurdly large.
            TaskEnvError: If the environment raises an error, breaks its contract, or lacks a key of info.
            DivergenceError: If all simulations of a task diverged.
        """
        with torch.inference_mode():
            rollouts = self._rollouts(list(self._steps(params, noise, seeds, normalizer)))
            if self.env.xp is not np:
                rollouts = until_all_ended(rollouts)
            last, terminated = self._ends
            rollouts = replace(
                rollouts,
                last_observations=self.time_step.by_task(last, params.dtype),
                terminated=self.time_step.by_task(terminated, torch.bool),
            )
            diverged = self.time_step.by_task(self.checked.diverged(), torch.bool)
            fault = first_fault(rollouts, ~diverged, self.action_limit)
            if fault is not None:
                raise error_of(fault, self.checked)
            rollouts = replace(rollouts, info=self._info.reduced(rollouts.mask, ~diverged))
            number = int(diverged.sum())
            if number == 0:
                return rollouts
            self.diverged += number
            check_some_are_valid(diverged, self.checked)
            return without(rollouts, diverged)

    def _steps(
        self, params: Tensor, noise: Tensor, seeds: Sequence[int], normalizer: ObservationNormalizer | None = None
    ) -> Iterator[Kept]:
        """Yields what `Rollouts` holds of each step."""
        xp, act = self.env.xp, self.time_step.acting(params, normalizer)
        observation = self.checked.reset(seeds)
        self._info.begin()
        running = xp.ones(self.env.num_envs, dtype=xp.bool, device=self.env.device)
        self._ends = observation, ~running
        self._tell(xp.zeros(self.env.num_envs), running)
        for time, step_noise in enumerate(noise):
            before = act, params.dtype, observation, running, step_noise
            try:
                kept, observation, running, self._ends = self._take_step(before, self._ends)
            except TaskEnvError as error:
                self._blame(error, time, before)
                raise
            self._info.add()
            yield kept
            self._tell(kept[3], running)
            if self._have_all_ended(running, time):
                break

    def _tell(self, rewards: Array, running: Array) -> None:
        """Tells who watches."""
        if self._watch is not None:
            self._watch(on_host(rewards), on_host(running))

    def _have_all_ended(self, running: Array, time: int) -> bool:
        """Whether no episode is running any more; on a device, some steps go by before this is found out."""
        if self.env.xp is not np and (time + 1) % LOOK_EVERY:
            return False
        return not running.any()

    def _blame(self, error: TaskEnvError, time: int, before: Before) -> None:
        """Raises what was wrong before the environment raised an error, which may be due to it."""
        observations, outputs, actions = self.time_step.decide(before)
        kept = (observations, actions, outputs, self.env.xp.zeros(self.env.num_envs), before[3])
        everyone = torch.ones(actions.shape[:2], dtype=torch.bool, device=self._device)
        fault = first_fault(self._rollouts([kept]), everyone, self.action_limit)
        if fault is not None:
            raise error_of(replace(fault, time=time), self.checked) from error

    def _rollouts(self, steps: list[Kept]) -> Rollouts:
        """Joins steps along a time axis."""
        xp = self.env.xp
        observations, actions, outputs, rewards, running = zip(*steps, strict=True)
        return Rollouts(
            observations=torch.stack(observations, dim=2),
            actions=torch.stack(actions, dim=2),
            rewards=self.time_step.by_task(xp.stack(rewards, axis=1), torch.float64),
            mask=self.time_step.by_task(xp.stack(running, axis=1), torch.float64),
            outputs=torch.stack(outputs, dim=2),
        )
