"""Tasks that are sampled together: one environment call and one policy call per time step."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from mamlrl.envs import TaskEnv
from mamlrl.errors import NonFiniteError
from mamlrl.networks.network import Policy
from mamlrl.sampling.rollouts import Rollouts
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
        diverged: Simulations that diverged so far, which ended their episodes.
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
        self.num_tasks = env.num_envs // config.episodes_per_task
        self.diverged = 0
        self._first_task = first_task
        self._policy = policy
        self._device = device
        self._watch = watch or (lambda rewards, running: None)
        self._scaling = config.action_scaling(env.single_action_space)

    def collect(self, params: Tensor, noise: Tensor, seed: int) -> Rollouts:
        """Runs one episode in every sub-environment.

        Args:
            params: Policy parameters, shape (P,), or (task, P).
            noise: Randomness of the actions, shape (horizon, task, episode, ...).
            seed: Seed of the environment.

        Raises:
            NonFiniteError: If an observation or reward is not finite.
        """
        with torch.inference_mode():
            steps = list(self._steps(params, noise, seed))
        self.diverged += int(self.env.diverged.sum())
        rollouts = self._rollouts(steps)
        self._check_finite("observation", rollouts.observations, rollouts.mask)
        self._check_finite("reward", rollouts.rewards[..., None], rollouts.mask)
        return rollouts

    def _steps(self, params: Tensor, noise: Tensor, seed: int) -> Iterator[_Step]:
        """Yields what `Rollouts` holds of each step."""
        env = self.env
        observation, _ = env.reset(seed=seed)
        running = np.ones(env.num_envs, dtype=np.bool_)
        self._watch(np.zeros(env.num_envs), running)
        act, draw = self._policy.bind(params), self._policy.distribution.sample
        for step_noise in noise:
            if not running.all():
                observation[~running] = 0.0
            observations = self._by_task(observation, params.dtype)
            outputs = act(observations)
            actions = draw(outputs, step_noise)
            observation, rewards, terminated, truncated, _ = env.step(self.to_env(actions))
            yield observations, actions, outputs, rewards, running
            running = running & ~(terminated | truncated)
            self._watch(rewards, running)
            if not running.any():
                break

    def _by_task(self, array: NDArray[Any], dtype: torch.dtype) -> Tensor:
        """Turns what the environment returned into a tensor, shape (task, episode, ...)."""
        tensor = torch.from_numpy(array).view(self.num_tasks, -1, *array.shape[1:])
        return tensor.to(self._device, dtype)

    def to_env(self, actions: Tensor) -> NDArray[Any]:
        """Turns actions of the policy, shape (task, episode, ...), into the environment's, (num_envs, ...)."""
        array: NDArray[Any] = actions.flatten(0, 1).cpu().numpy()
        return array if self._scaling is None else self._scaling(array)

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

    def _check_finite(self, what: str, values: Tensor, mask: Tensor) -> None:
        """Raises for the first number that is not finite; `values` has shape (task, episode, time, D)."""
        if values.sum().isfinite():
            return
        finite = values.isfinite().all(dim=-1) | (mask == 0)
        if not finite.all():
            env = self.env
            time, task, episode = (~finite).movedim(2, 0).nonzero()[0].tolist()
            parameters = env.tasks[task * mask.shape[1] + episode].tolist()
            raise NonFiniteError(
                f"environment {env.spec.id if env.spec else env}: {what} of task {self._first_task + task} "
                f"(parameters {parameters}), episode {episode}, step {time} is not finite"
            )
