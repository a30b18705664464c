"""Batched rollouts: all episodes of all tasks, one environment call and one policy call a time step."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from typing import Any

import numpy as np
import torch
from gymnasium.spaces import Box
from numpy.typing import NDArray
from torch import Tensor

from mamlrl.envs import TaskVectorEnv
from mamlrl.errors import NonFiniteError
from mamlrl.experiments.experiment import SamplingConfig
from mamlrl.networks.network import Network
from mamlrl.sampling.rollouts import Rollouts, join, keep, within_budget

_Step = tuple[Tensor, Tensor, Tensor, NDArray[np.float64], NDArray[np.bool_]]
Watch = Callable[[NDArray[np.float64], NDArray[np.bool_]], None]


class Sampler:
    """Rolls policies out in task environments.

    The tasks are in groups with an environment each. Groups are sampled at the same time, in threads: while one
    steps its environment, which releases Python's lock, another evaluates its policy.

    Args:
        envs: One a group of tasks; the sub-environments of a task are its `config.episodes_per_task` episodes.
        policy: Maps parameters and observations to the outputs of its action distribution.
        config: How much to collect.
        device: Where the policy runs and the rollouts live.
        watch: Called after each reset and each step of each environment, in its group's thread, with the rewards
            of the step and who is still running, both of shape (num_envs,).

    Attributes:
        num_tasks: Of all groups.
    """

    def __init__(
        self,
        envs: Sequence[TaskVectorEnv],
        policy: Network,
        config: SamplingConfig,
        device: torch.device,
        watch: Watch | None = None,
    ) -> None:
        self.policy = policy
        self.groups: list[TaskGroup] = []
        self.num_tasks = 0
        for env in envs:
            self.groups.append(TaskGroup(env, self.num_tasks, policy, config, device, watch))
            self.num_tasks += self.groups[-1].num_tasks
        self._sizes = [group.num_tasks for group in self.groups]
        self._config = config

    @property
    def diverged(self) -> int:
        """Simulations that diverged so far, which ended their episodes."""
        return sum(group.diverged for group in self.groups)

    @property
    def horizon(self) -> int:
        """Steps after which an episode is truncated."""
        return self.groups[0].env.horizon

    def sample_tasks(self, rng: np.random.Generator) -> NDArray[np.float64]:
        """Draws a task for each place from the family's distribution, shape (num_tasks, ...)."""
        return self.groups[0].env.sample_tasks(rng, self.num_tasks)

    def set_tasks(self, tasks: NDArray[np.float64]) -> None:
        """Assigns tasks for all episodes to come, shape (num_tasks, ...)."""
        parts = np.split(tasks, np.cumsum(self._sizes)[:-1])
        for group, part in zip(self.groups, parts, strict=True):
            group.env.set_tasks(part)

    def sample(self, params: Tensor, rng: np.random.Generator, generator: torch.Generator) -> Rollouts:
        """Collects episodes of every task.

        Args:
            params: Policy parameters, shape (P,), or (task, P).
            rng: Randomness of the environments.
            generator: Randomness of the actions.

        Returns:
            The rollouts.

        Raises:
            NonFiniteError: If an observation or reward is not finite.
        """
        with _one_torch_thread():
            rounds = [self._collect(params, rng, generator)]
            if self._config.unit == "episodes":
                return rounds[0]
            budget = self._config.episodes_per_task * self.horizon
            while (kept := within_budget([r.mask for r in rounds], budget)) is None:
                rounds.append(self._collect(params, rng, generator))
        return keep(join(rounds, dim=1), kept)

    def _collect(self, params: Tensor, rng: np.random.Generator, generator: torch.Generator) -> Rollouts:
        """Runs one episode in every sub-environment."""
        shape = (self.horizon, self.num_tasks, self._config.episodes_per_task)
        noise = self.policy.distribution.noise(shape, generator, params.dtype)
        seeds = [int(rng.integers(2**31)) for _ in self.groups]
        parts = params.split(self._sizes) if params.dim() == 2 else [params] * len(self.groups)
        arguments = zip(parts, noise.split(self._sizes, dim=1), seeds, strict=True)
        first, *others = [partial(group.collect, *a) for group, a in zip(self.groups, arguments, strict=True)]
        with ThreadPoolExecutor(len(self.groups)) as threads:
            futures = [threads.submit(collect) for collect in others]
            return join([first(), *(future.result() for future in futures)], dim=0)


class TaskGroup:
    """Tasks that are sampled together: one environment call and one policy call a time step.

    Args:
        env: Its sub-environments are the episodes of all tasks.
        first_task: Number of the group's first task among those of all groups.
        policy: See `Sampler`, as for the rest.
        config: How much to collect.
        device: Where the policy runs and the rollouts live.
        watch: Is told about every step.

    Attributes:
        num_tasks: Of the group.
        diverged: Simulations that diverged so far, which ended their episodes.
    """

    def __init__(
        self,
        env: TaskVectorEnv,
        first_task: int,
        policy: Network,
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
        space = env.single_action_space
        self._rescaling: tuple[Any, Any] | None = None
        if config.rescale_actions and isinstance(space, Box) and space.is_bounded():
            half_range = (space.high.astype(np.float64) - space.low) / 2
            self._rescaling = half_range / config.action_bound, space.low + half_range

    def collect(self, params: Tensor, noise: Tensor, seed: int) -> Rollouts:
        """Runs one episode in every sub-environment.

        Args:
            params: Policy parameters, shape (P,), or (task, P).
            noise: Of the actions, shape (horizon, task, episode, ...).
            seed: Of the environment.

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
        return array if self._rescaling is None else array * self._rescaling[0] + self._rescaling[1]

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


@contextmanager
def _one_torch_thread() -> Iterator[None]:
    """PyTorch's threads spin for a while after every operation, which would slow down the environment's."""
    number = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(number)
