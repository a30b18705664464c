"""Tasks that are sampled together: one environment call and one policy call per time step."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from mamlrl.envs import TaskEnv
from mamlrl.errors import DivergenceError, LearningError, NonFiniteError, TaskEnvError
from mamlrl.networks.network import Policy
from mamlrl.sampling.actions import absurd_magnitude, check_room
from mamlrl.sampling.blame import REMEDY, Fault, first_fault
from mamlrl.sampling.checked_env import CheckedEnv, EnvStep
from mamlrl.sampling.rollouts import Rollouts, without
from mamlrl.sampling.settings import SamplingConfig

_Step = tuple[Tensor, Tensor, Tensor, NDArray[np.float64], NDArray[np.bool_]]
Watch = Callable[[NDArray[np.float64], NDArray[np.bool_]], None]


class TaskGroup:
    """Tasks that are sampled together: one environment call and one policy call per time step.

    Args:
        env: Environment whose sub-environments are the episodes of the group's tasks.
        first_task: Number of the group's first task among those of all groups.
        policy: Maps parameters and observations to the outputs of its action distribution.
        config: How much to collect.
        device: Where the policy runs and the rollouts live.
        watch: Called after each reset and each step with the rewards of the step and who is still running, both
            of shape (num_envs,).

    Attributes:
        num_tasks: Number of tasks in the group.
        checked: The environment, whose errors and returns are checked.
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
    ) -> None:
        self.env = env
        self.checked = CheckedEnv(env, first_task, config.episodes_per_task)
        self.num_tasks = env.num_envs // config.episodes_per_task
        self.diverged = 0
        self._policy = policy
        self._device = device
        self._watch = watch or (lambda rewards, running: None)
        self._last_observations = np.zeros(0)
        space = env.single_action_space
        check_room(self.checked.name, space)
        self._scaling = config.action_scaling(space)
        self.action_limit = absurd_magnitude(space, self._scaling, config.action_bound)

    def collect(self, params: Tensor, noise: Tensor, seed: int) -> Rollouts:
        """Runs one episode in every sub-environment.

        Args:
            params: Policy parameters, shape (P,), or (task, P).
            noise: Randomness of the actions, shape (horizon, task, episode, ...).
            seed: Seed of the environment.

        Returns:
            The rollouts; of episodes whose simulation diverged, all is 0, the mask too.

        Raises:
            NonFiniteError: If an observation, a reward or an action is not finite, or an action absurdly large.
            TaskEnvError: If the environment raises an error or breaks its contract.
            DivergenceError: If all simulations of a task diverged.
        """
        with torch.inference_mode():
            rollouts = self._rollouts(list(self._steps(params, noise, seed)))
            last = self._by_task(self._last_observations, params.dtype)
            rollouts = replace(rollouts, last_observations=last)
            diverged = self._by_task(self.checked.diverged(), torch.bool)
            fault = first_fault(rollouts, ~diverged, self.action_limit)
            if fault is not None:
                raise self._error(fault)
            number = int(diverged.sum())
            if number == 0:
                return rollouts
            self.diverged += number
            self._check_some_are_valid(diverged)
            return without(rollouts, diverged)

    def _steps(self, params: Tensor, noise: Tensor, seed: int) -> Iterator[_Step]:
        """Yields what `Rollouts` holds of each step."""
        observation = self.checked.reset(seed)
        running = np.ones(self.env.num_envs, dtype=np.bool_)
        self._last_observations = observation.copy()
        self._watch(np.zeros(self.env.num_envs), running)
        act, draw = self._policy.bind(params), self._policy.distribution.sample
        for time, step_noise in enumerate(noise):
            if not running.all():
                observation[~running] = 0.0
            observations = self._by_task(observation, params.dtype)
            outputs = act(observations)
            actions = draw(outputs, step_noise)
            observation, rewards, terminated, truncated = self._step(time, observations, actions, outputs, running)
            yield observations, actions, outputs, rewards, running
            ended = running & (terminated | truncated)
            self._last_observations[ended] = observation[ended]
            running = running & ~ended
            self._watch(rewards, running)
            if not running.any():
                break

    def _step(
        self, time: int, observations: Tensor, actions: Tensor, outputs: Tensor, running: NDArray[np.bool_]
    ) -> EnvStep:
        """Steps the environment; an error may be due to what was wrong before, which is then what is raised."""
        try:
            return self.checked.step(self.to_env(actions))
        except TaskEnvError as error:
            before = (observations, actions, outputs, np.zeros(self.env.num_envs), running)
            everyone = torch.ones(actions.shape[:2], dtype=torch.bool, device=self._device)
            fault = first_fault(self._rollouts([before]), everyone, self.action_limit)
            if fault is None:
                raise
            raise self._error(replace(fault, time=time)) from error

    def _by_task(self, array: NDArray[Any], dtype: torch.dtype) -> Tensor:
        """Turns an array of all sub-environments into a tensor, shape (task, episode, ...)."""
        tensor = torch.from_numpy(array).view(self.num_tasks, -1, *array.shape[1:])
        return tensor.to(self._device, dtype)

    def to_env(self, actions: Tensor) -> NDArray[Any]:
        """Turns actions of the policy, shape (task, episode, ...), into the environment's, (num_envs, ...)."""
        array: NDArray[Any] = actions.flatten(0, 1).cpu().numpy()
        return array.copy() if self._scaling is None else self._scaling(array)

    def _rollouts(self, steps: list[_Step]) -> Rollouts:
        """Joins steps along a time axis."""
        observations, actions, outputs, rewards, running = zip(*steps, strict=True)
        return Rollouts(
            observations=torch.stack(observations, dim=2),
            actions=torch.stack(actions, dim=2),
            rewards=self._by_task(np.stack(rewards, axis=1), torch.float64),
            mask=self._by_task(np.stack(running, axis=1), torch.float64),
            outputs=torch.stack(outputs, dim=2),
        )

    def _error(self, fault: Fault) -> NonFiniteError:
        """Says what is wrong, where, and whose fault it is."""
        place = f"{self.checked.task_text(fault.task)}, episode {fault.episode}, step {fault.time}"
        if fault.by_policy:
            problem = (
                f"as large as {abs(fault.value):g}" if np.isfinite(fault.value) else f"not finite ({fault.value})"
            )
            return LearningError(
                f"the policy's {fault.what} are {problem} in {place} of environment {self.checked.name}; {REMEDY}"
            )
        method = "reset" if (fault.what, fault.time) == ("observation", 0) else "step"
        return NonFiniteError(
            f"environment {self.checked.name}: {fault.what} of {place} is not finite: "
            f"{method} returned {fault.value}"
        )

    def _check_some_are_valid(self, diverged: Tensor) -> None:
        """Raises if all simulations of a task diverged; `diverged` has shape (task, episode)."""
        lost = diverged.all(dim=1)
        if lost.any():
            task = self.checked.task_text(int(lost.nonzero()[0]))
            raise DivergenceError(
                f"environment {self.checked.name}: all {diverged.shape[1]} simulations of {task} diverged, which "
                "leaves no episode to learn from; lower adaptation.step_size or policy.initial_std, or take more "
                "episodes per task"
            )
