"""Batched rollouts: all episodes of all tasks, one environment call and one policy call a time step."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

import numpy as np
import torch
from gymnasium.spaces import Box
from numpy.typing import NDArray
from torch import Tensor

from mamlrl.config import SamplingConfig
from mamlrl.envs import TaskVectorEnv
from mamlrl.errors import NonFiniteError
from mamlrl.policies import MlpPolicy


@dataclass(frozen=True)
class Rollouts:
    """Episodes with axes (task, episode, time, feature); time is padded to the longest episode.

    Attributes:
        observations: Before each action, shape (task, episode, time, D).
        actions: The policy's actions, before any rescaling or clipping, shape (task, episode, time, ...).
        rewards: After each action, 0 where the episode had ended, shape (task, episode, time).
        mask: 1 while the episode was running, else 0, shape (task, episode, time).
        outputs: Parameters of the distribution each action was drawn from, shape (task, episode, time, K).
    """

    observations: Tensor
    actions: Tensor
    rewards: Tensor
    mask: Tensor
    outputs: Tensor

    @property
    def transitions(self) -> int:
        """Number of environment steps, padding not counted."""
        return int(self.mask.sum())

    def task_returns(self) -> Tensor:
        """Mean undiscounted return over the episodes of each task, shape (task,)."""
        episodes = self.mask[:, :, 0].sum(dim=1)
        return (self.rewards * self.mask).sum(dim=(1, 2)) / episodes


class Sampler:
    """Rolls policies out in a task environment.

    Args:
        env: Vector environment with a multiple of `num_tasks` sub-environments, its tasks set.
        policy: Maps parameters and observations to the outputs of its action distribution.
        num_tasks: Number of tasks; the sub-environments of a task are its episodes.
        config: How much to collect.
        device: Where the policy runs and the rollouts live.

    Attributes:
        diverged: Simulations that diverged so far, which ended their episodes.
    """

    def __init__(
        self,
        env: TaskVectorEnv,
        policy: MlpPolicy,
        num_tasks: int,
        config: SamplingConfig,
        device: torch.device,
    ) -> None:
        self.env = env
        self.policy = policy
        self.axes = (num_tasks, env.num_envs // num_tasks)
        self.config = config
        self.device = device
        self.diverged = 0

    def sample(self, params: Tensor, rng: np.random.Generator, generator: torch.Generator) -> Rollouts:
        """Collects episodes of every task.

        Args:
            params: Policy parameters, shape (P,), or (task, P).
            rng: Randomness of the environment.
            generator: Randomness of the actions.

        Returns:
            The rollouts.

        Raises:
            NonFiniteError: If an observation or reward is not finite.
        """
        if self.config.unit == "episodes":
            return self._collect(params, rng, generator)
        rounds = [self._collect(params, rng, generator)]
        budget = self.axes[1] * self.env.horizon
        while (kept := _within_budget([r.mask for r in rounds], budget)) is None:
            rounds.append(self._collect(params, rng, generator))
        return _join(rounds, kept)

    @torch.no_grad()
    def _collect(self, params: Tensor, rng: np.random.Generator, generator: torch.Generator) -> Rollouts:
        """Runs one episode in every sub-environment."""
        env, policy = self.env, self.policy
        num_envs, horizon, shape = env.num_envs, env.horizon, self.axes
        observation, _ = env.reset(seed=int(rng.integers(2**31)))
        observations = np.zeros((horizon, *observation.shape), dtype=np.float64)
        rewards = np.zeros((horizon, num_envs))
        mask = np.zeros((horizon, num_envs), dtype=np.bool_)
        actions, outputs = [], []
        running = np.ones(num_envs, dtype=np.bool_)
        for time in range(horizon):
            observations[time, running] = observation[running]
            mask[time] = running
            features = torch.as_tensor(observations[time], dtype=params.dtype, device=self.device)
            outputs.append(policy(params, features.unflatten(0, shape)))
            actions.append(policy.distribution.sample(outputs[-1], generator))
            observation, rewards[time], terminated, truncated, _ = env.step(self._to_env(actions[-1]))
            running = running & ~(terminated | truncated)
            if not running.any():
                break
        self.diverged += int(env.diverged.sum())
        steps = len(actions)
        self._check_finite("observation", observations[:steps], mask[:steps])
        self._check_finite("reward", rewards[:steps], mask[:steps])

        def by_task(array: NDArray[np.generic], dtype: torch.dtype) -> Tensor:
            tensor = torch.as_tensor(array[:steps], dtype=dtype, device=self.device)
            return tensor.unflatten(1, shape).movedim(0, 2)

        return Rollouts(
            observations=by_task(observations, params.dtype),
            actions=torch.stack(actions, dim=2),
            rewards=by_task(rewards, torch.float64),
            mask=by_task(mask, torch.float64),
            outputs=torch.stack(outputs, dim=2),
        )

    def _to_env(self, actions: Tensor) -> NDArray[Any]:
        """Turns the policy's actions into the environment's, shape (num_envs, ...)."""
        array: NDArray[Any] = actions.flatten(0, 1).cpu().numpy()
        space = self.env.single_action_space
        if not isinstance(space, Box):
            return array
        if self.config.rescale_actions and space.is_bounded():
            array = space.low + (array.astype(np.float64) + 1) / 2 * (space.high - space.low)
        return np.clip(array, space.low, space.high)

    def _check_finite(self, what: str, values: NDArray[np.float64], mask: NDArray[np.bool_]) -> None:
        finite = np.isfinite(values).reshape(*mask.shape, -1).all(axis=-1) | ~mask
        if not finite.all():
            time, index = np.argwhere(~finite)[0]
            task, episode = divmod(int(index), self.axes[1])
            raise NonFiniteError(
                f"environment {self.env.spec.id if self.env.spec else self.env}: "
                f"{what} of task {task} (parameters {self.env.tasks[index].tolist()}), episode {episode}, "
                f"step {time} is not finite"
            )


def _within_budget(masks: list[Tensor], budget: int) -> Tensor | None:
    """Chooses the episodes that a sampler with a transition budget would have completed.

    Such a sampler keeps one episode running in every slot, starts the next when one ends, and stops once
    the completed episodes of the task hold `budget` transitions. Here round r holds the r-th episode of
    every slot, so an episode completes at the sum of its slot's lengths up to it.

    Args:
        masks: One a round, each of shape (task, slot, time).
        budget: Transitions a task.

    Returns:
        Mask of completed episodes, shape (task, round x slot), or None if more rounds are needed to tell.
    """
    lengths = torch.stack([mask.sum(dim=2) for mask in masks], dim=1)
    completion = lengths.cumsum(dim=1)
    order = completion.flatten(1).argsort(dim=1, stable=True)
    collected = lengths.flatten(1).gather(1, order).cumsum(dim=1)
    enough = collected >= budget
    if not bool(enough[:, -1].all()):
        return None
    last = order.gather(1, enough.int().argmax(dim=1, keepdim=True))
    stop = completion.flatten(1).gather(1, last)
    if bool((completion[:, -1] < stop).any()):
        return None
    return completion.flatten(1) <= stop


def _join(rounds: list[Rollouts], kept: Tensor) -> Rollouts:
    """Joins rounds along the episode axis, pads time, and masks the episodes that are not kept."""
    longest = max(r.mask.shape[2] for r in rounds)
    joined = {}
    for field in fields(Rollouts):
        pieces = [getattr(r, field.name) for r in rounds]
        padded = [
            torch.cat([p, p.new_zeros(*p.shape[:2], longest - p.shape[2], *p.shape[3:])], dim=2) for p in pieces
        ]
        joined[field.name] = torch.cat(padded, dim=1)
    joined["mask"] = joined["mask"] * kept[:, :, None]
    joined["rewards"] = joined["rewards"] * joined["mask"]
    return Rollouts(**joined)
