"""Batched rollouts: all episodes of all tasks, one environment call and one policy call a time step."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
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
from mamlrl.networks import Network


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
        watch: Called after each reset and each step with the rewards of the step and who is still running, both of
            shape (num_envs,).

    Attributes:
        diverged: Simulations that diverged so far, which ended their episodes.
    """

    def __init__(
        self,
        env: TaskVectorEnv,
        policy: Network,
        num_tasks: int,
        config: SamplingConfig,
        device: torch.device,
        watch: Callable[[NDArray[np.float64], NDArray[np.bool_]], None] | None = None,
    ) -> None:
        self.env = env
        self.policy = policy
        self.axes = (num_tasks, env.num_envs // num_tasks)
        self.config = config
        self.device = device
        self.diverged = 0
        self._watch = watch or (lambda rewards, running: None)
        space = env.single_action_space
        self._rescaling: tuple[Any, Any] | None = None
        if config.rescale_actions and isinstance(space, Box) and space.is_bounded():
            half_range = (space.high.astype(np.float64) - space.low) / 2
            self._rescaling = half_range / config.action_bound, space.low + half_range

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
        with _one_torch_thread():
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
        env = self.env
        observation, _ = env.reset(seed=int(rng.integers(2**31)))
        running = np.ones(env.num_envs, dtype=np.bool_)
        self._watch(np.zeros(env.num_envs), running)
        act = self.policy.bind(params)
        record = _Record(env.horizon, self.device)
        while running.any():
            observation[~running] = 0.0
            observations = record.put("observations", self._by_task(observation), params.dtype)
            outputs = record.put("outputs", act(observations))
            actions = record.put("actions", self.policy.distribution.sample(outputs, generator))
            observation, rewards, terminated, truncated, _ = env.step(self.to_env(actions))
            record.put("rewards", self._by_task(rewards), torch.float64)
            record.put("mask", self._by_task(running), torch.float64)
            record.end_step()
            running = running & ~(terminated | truncated)
            self._watch(rewards, running)
        self.diverged += int(env.diverged.sum())
        rollouts = record.rollouts()
        self._check_finite("observation", rollouts.observations, rollouts.mask)
        self._check_finite("reward", rollouts.rewards[..., None], rollouts.mask)
        return rollouts

    def _by_task(self, array: NDArray[Any]) -> Tensor:
        """Views what the environment returned as a tensor, shape (task, episode, ...)."""
        return torch.as_tensor(array).unflatten(0, self.axes)

    def to_env(self, actions: Tensor) -> NDArray[Any]:
        """Turns actions of the policy, shape (task, episode, ...), into the environment's, (num_envs, ...)."""
        array: NDArray[Any] = actions.flatten(0, 1).cpu().numpy()
        return array if self._rescaling is None else array * self._rescaling[0] + self._rescaling[1]

    def _check_finite(self, what: str, values: Tensor, mask: Tensor) -> None:
        """Raises for the first number that is not finite; `values` has shape (task, episode, time, D)."""
        if values.sum().isfinite():
            return
        finite = values.isfinite().all(dim=-1) | (mask == 0)
        if not finite.all():
            time, task, episode = (~finite).movedim(2, 0).nonzero()[0].tolist()
            parameters = self.env.tasks[task * self.axes[1] + episode].tolist()
            raise NonFiniteError(
                f"environment {self.env.spec.id if self.env.spec else self.env}: "
                f"{what} of task {task} (parameters {parameters}), episode {episode}, step {time} is not finite"
            )


class _Record:
    """Memory for the steps of episodes, allocated once, one step after the other.

    Args:
        horizon: Most steps.
        device: Where the memory is.
    """

    def __init__(self, horizon: int, device: torch.device) -> None:
        self._horizon = horizon
        self._device = device
        self._length = 0
        self._arrays: dict[str, Tensor] = {}

    def put(self, name: str, values: Tensor, dtype: torch.dtype | None = None) -> Tensor:
        """Writes what an attribute of `Rollouts` holds of the current step.

        Args:
            name: Of the attribute.
            values: Shape (task, episode, ...).
            dtype: To keep them as; None stands for theirs.

        Returns:
            The values as they are kept.
        """
        if name not in self._arrays:
            shape = (self._horizon, *values.shape)
            self._arrays[name] = torch.empty(shape, dtype=dtype or values.dtype, device=self._device)
        return self._arrays[name][self._length].copy_(values)

    def end_step(self) -> None:
        """Goes on to the next step."""
        self._length += 1

    def rollouts(self) -> Rollouts:
        """Returns the steps so far."""
        return Rollouts(**{name: array[: self._length].movedim(0, 2) for name, array in self._arrays.items()})


@contextmanager
def _one_torch_thread() -> Iterator[None]:
    """PyTorch's threads spin for a while after every operation, which would slow down the environment's."""
    number = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(number)


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
