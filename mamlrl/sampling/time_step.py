"""One time step of all episodes of a group of tasks: the policy acts, and the environment steps."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from mamlrl.envs import TaskEnv
from mamlrl.envs.arrays import Array, may_be_any, rows
from mamlrl.networks.network import Policy
from mamlrl.sampling.actions import ActionScaling, first_action, to_space
from mamlrl.sampling.checked_env import CheckedEnv, EnvStep
from mamlrl.sampling.normalization import ObservationNormalizer

# Observations to outputs, the policy's type, observations, who is running, and the noise of the actions
Before = tuple[Callable[[Tensor], Tensor], torch.dtype, Array, Array, Tensor]
Kept = tuple[Tensor, Tensor, Tensor, Array, Array]  # observations, actions, outputs, rewards, who was running
Ends = tuple[Array, Array]  # last observations, and who terminated
After = tuple[Kept, Array, Array, Ends]  # what is kept; observations, who is running, and ends
EnvStepper = Callable[[Array], EnvStep]


class TimeStep:
    """Takes time steps; what is remembered between them is given and returned.

    Args:
        env: Environment whose sub-environments are the episodes of the group's tasks.
        checked: The same, whose calls are checked.
        num_tasks: Number of tasks in the group.
        policy: Maps parameters and observations to the outputs of its action distribution.
        scaling: Map from the policy's actions to those of the environment, None if they are used as they are.
        device: Where the policy runs.
    """

    def __init__(
        self,
        env: TaskEnv,
        checked: CheckedEnv,
        num_tasks: int,
        policy: Policy,
        scaling: ActionScaling | None,
        device: torch.device,
    ) -> None:
        self._env = env
        self._checked = checked
        self._num_tasks = num_tasks
        self._policy = policy
        self._scaling = scaling and scaling.on_device(env)
        first = first_action(env.single_action_space)
        self._first = None if first is None else env.xp.asarray(first, device=env.device)
        self._device = device

    def acting(self, params: Tensor, normalizer: ObservationNormalizer | None) -> Callable[[Tensor], Tensor]:
        """Returns the function of observations to outputs that parameters make of the policy."""
        act = self._policy.bind(params)
        if normalizer is None:
            return act
        normalize = normalizer.bind(params)
        return lambda observations: act(normalize(observations))

    def decide(self, before: Before) -> tuple[Tensor, Tensor, Tensor]:
        """Returns observations, outputs and actions of a time step."""
        act, dtype, observation, running, noise = before
        if may_be_any(~running):
            observation = self._env.xp.where(rows(running, observation), observation, 0.0)
        observations = self.by_task(observation, dtype)
        outputs = act(observations)
        return observations, outputs, self._policy.distribution.sample(outputs, noise)

    def take(self, before: Before, ends: Ends, step: EnvStepper | None = None) -> After:
        """Acts and steps the environment.

        Args:
            before: What the step begins with.
            ends: How episodes have ended so far.
            step: Steps the environment; `checked.step` by default.

        Returns:
            What `Rollouts` holds of the step, and observations, who is running, and how episodes ended after it.
        """
        xp, running = self._env.xp, before[3]
        observations, outputs, actions = self.decide(before)
        observation, rewards, terminated, truncated = (step or self._checked.step)(self.to_env(actions))
        ended, (last, over) = running & (terminated | truncated), ends
        if may_be_any(ended):
            last = xp.where(rows(ended, last), observation, last)
        ends = last, over | (running & terminated)
        return (observations, actions, outputs, rewards, running), observation, running & ~ended, ends

    def by_task(self, array: Array, dtype: torch.dtype) -> Tensor:
        """Turns an array of all sub-environments into a tensor, shape (task, episode, ...)."""
        tensor = torch.as_tensor(array).view(self._num_tasks, -1, *array.shape[1:])
        return tensor.to(self._device, dtype)

    def to_env(self, actions: Tensor) -> Array:
        """Turns actions of the policy, shape (task, episode, ...), into the environment's, (num_envs, ...)."""
        xp, flat = self._env.xp, actions.flatten(0, 1)
        array = flat.cpu().numpy() if xp is np else flat.to(self._env.device)
        return to_space(array, self._env.single_action_space, self._scaling, self._first, xp)
