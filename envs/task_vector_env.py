"""The base of task families: the contract `TaskEnv`, implemented on arrays of all sub-environments."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import gymnasium
import numpy as np
from gymnasium.envs.registration import EnvSpec
from gymnasium.spaces import Box, Discrete
from gymnasium.vector import AutoresetMode, VectorEnv
from gymnasium.vector.utils import batch_space
from numpy.typing import NDArray

from mamlrl.envs.arguments import check_choice, check_mask, check_options, check_tasks, check_whole_number
from mamlrl.envs.arrays import Array, choose_module, discrete_actions, find_device, namespace, on_host, rows
from mamlrl.envs.task_env import Frame, TaskEnv
from mamlrl.envs.task_generators import Draw, draw_by_task, task_generators


def with_horizon(spec: EnvSpec | None, horizon: int) -> EnvSpec | None:
    """Returns a copy of a specification whose `max_episode_steps` is the horizon."""
    return None if spec is None else replace(spec, max_episode_steps=horizon)


class TaskVectorEnv(TaskEnv):
    """A task family; see `TaskEnv` for what it promises.

    A family sets the spaces, and implements `sample_tasks`, `_start`, `_advance`, `_observe` and `_draw` on arrays
    of all sub-environments, on the device that it passes on. Written with `self.xp`, it runs on all (`arrays`).

    Args:
        num_envs: Number of sub-environments.
        observation_space: Space of one sub-environment's observations.
        action_space: Space of one sub-environment's actions.
        task_space: Space of one task's parameters.
        horizon: Steps after which an episode is truncated.
        max_episode_steps: Gymnasium's name of the horizon, which `make_vec` takes from specs; the smaller counts.
        render_mode: None or `rgb_array`.
        device: Where the family's arrays live: `cpu`, or a GPU such as `cuda`.
        array_module: `numpy` or `torch`, whose arrays they are; None stands for NumPy on the CPU, torch on a GPU.

    Raises:
        ValueError: If an argument is unusable; the message names it.
    """

    metadata: dict[str, Any] = {  # noqa: RUF012 (Gymnasium's own signature)
        "autoreset_mode": AutoresetMode.DISABLED,
        "render_modes": ["rgb_array"],
        "render_fps": 10,
    }
    frame_size: int = 240
    takes_task_seeds = True
    _spec: EnvSpec | None = None

    def __init__(
        self,
        num_envs: int,
        observation_space: gymnasium.Space[Any],
        action_space: gymnasium.Space[Any],
        task_space: Box,
        horizon: int,
        render_mode: str | None = None,
        max_episode_steps: int | None = None,
        device: str = "cpu",
        array_module: str | None = None,
    ) -> None:
        check_whole_number("num_envs", num_envs, least=1)
        check_whole_number("horizon", horizon, least=1)
        if max_episode_steps is not None:
            check_whole_number("max_episode_steps", max_episode_steps, least=1)
            horizon = min(horizon, max_episode_steps)
        if render_mode is not None:
            check_choice("render_mode", render_mode, self.metadata["render_modes"])
        self.array_module = choose_module(array_module, device)
        self._device = find_device(self.array_module, device)
        self.num_envs = num_envs
        self.horizon = horizon
        self.render_mode = render_mode
        self.single_observation_space = observation_space
        self.single_action_space = action_space
        self.observation_space = batch_space(observation_space, num_envs)
        self.action_space = batch_space(action_space, num_envs)
        self.task_space = task_space
        self.tasks = self.asarray(np.zeros((num_envs, *task_space.shape)))
        self._tasks_are_set = False
        self._was_reset = False
        self._generators: list[np.random.Generator] = []  # of tasks
        self._elapsed = self.asarray(np.zeros(num_envs, dtype=np.int64))
        self._terminated, self.diverged = (self.asarray(np.zeros(num_envs, dtype=np.bool_)) for _ in range(2))
        if isinstance(action_space, Box):
            self._action_bounds = self.asarray(action_space.low), self.asarray(action_space.high)

    @property
    def xp(self) -> Any:
        """See `TaskEnv`."""
        return namespace(self.array_module)

    @property
    def device(self) -> Any:
        """See `TaskEnv`."""
        return self._device

    def asarray(self, values: Any, dtype: Any = None, copy: bool | None = None) -> Array:
        """Returns values as an array of the environment's device, the same memory where possible."""
        return self.xp.asarray(values, dtype=dtype, device=self._device, copy=copy)

    @property
    def spec(self) -> EnvSpec | None:
        """Gymnasium's specification, which `gymnasium.make_vec` sets; `max_episode_steps` is the horizon."""
        return self._spec

    @spec.setter
    def spec(self, spec: EnvSpec | None) -> None:
        self._spec = with_horizon(spec, self.horizon)

    def _draw_states(self, chosen: Array, draw: Draw) -> tuple[NDArray[Any], ...]:
        """Draws arrays for chosen sub-environments, those of each task from its generator if it has one."""
        return draw_by_task(self._generators or [self.np_random], on_host(chosen), draw)

    @abstractmethod
    def _start(self, chosen: Array) -> None:
        """Puts the chosen sub-environments, a (num_envs,) mask, into initial states."""

    @abstractmethod
    def _advance(self, actions: Array, running: Array) -> tuple[Array, Array]:
        """Steps the running sub-environments; the values returned for the others are ignored.

        Args:
            actions: Batch of actions within the action space, shape (num_envs, *single_action_space.shape).
            running: Which episodes have not ended, shape (num_envs,).

        Returns:
            Rewards and whether the task's own end was reached, each of shape (num_envs,).
        """

    @abstractmethod
    def _observe(self) -> Array:
        """Returns the current observations in fresh memory."""

    def _info(self) -> dict[str, Array]:
        """Returns what every step tells in its info, in fresh arrays of shape (num_envs,): by default, nothing."""
        return {}

    @abstractmethod
    def _draw(self, index: int) -> Frame:
        """Returns an image of sub-environment `index`, shape (height, width, 3)."""

    def set_tasks(self, tasks: NDArray[np.float64]) -> None:
        """See `TaskEnv.set_tasks`."""
        tasks = check_tasks(tasks, self.task_space, self.num_envs)
        self.tasks = self.asarray(np.repeat(tasks, self.num_envs // len(tasks), axis=0))
        self._tasks_are_set = True

    def reset(
        self, *, seed: int | Sequence[int] | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Array, dict[str, Any]]:
        """See `TaskEnv.reset`."""
        check_options(options, ["reset_mask"])
        everything = np.ones(self.num_envs, dtype=np.bool_)
        mask = on_host((options or {}).get("reset_mask", everything))
        chosen = check_mask("reset_mask", mask, self.num_envs)
        chosen = self.asarray(chosen if self._was_reset else everything)
        if seed is not None:
            self._generators = task_generators(seed, self.num_envs) if isinstance(seed, Sequence) else []
        VectorEnv.reset(self, seed=seed[0] if isinstance(seed, Sequence) else seed)  # sets `np_random`
        if not self._tasks_are_set:
            drawn = self.asarray(self.sample_tasks(self.np_random, self.num_envs))
            self.tasks = self.xp.where(rows(chosen, drawn), drawn, self.tasks)
        self._was_reset = True
        self._elapsed = self.xp.where(chosen, 0, self._elapsed)
        self._terminated, self.diverged = self._terminated & ~chosen, self.diverged & ~chosen
        self._start(chosen)
        return self._observe(), {}

    def step(self, actions: Array) -> tuple[Array, Array, Array, Array, dict[str, Any]]:
        """See `TaskEnv.step`."""
        if not self._was_reset:
            raise gymnasium.error.ResetNeeded("call reset() before step()")
        actions, xp = self.asarray(actions), self.xp
        if tuple(actions.shape) != self.action_space.shape:
            raise ValueError(f"actions must have shape {self.action_space.shape}, got {tuple(actions.shape)}")
        if isinstance(self.single_action_space, Box):
            actions = actions.clip(*self._action_bounds)
        running = ~self._terminated & (self._elapsed < self.horizon)
        if isinstance(self.single_action_space, Discrete):
            actions = discrete_actions(actions, running, self.single_action_space)
        rewards, terminated = self._advance(actions, running)
        self._elapsed = self._elapsed + running
        self._terminated = self._terminated | (running & terminated)
        info = {"diverged": self.asarray(self.diverged, copy=True), **self._info()}
        ended = self.asarray(self._terminated, copy=True)
        return self._observe(), xp.where(running, rewards, 0.0), ended, self._elapsed >= self.horizon, info

    def render(self) -> tuple[Frame, ...] | None:
        """See `TaskEnv.render`."""
        return None if self.render_mode is None else tuple(map(self._draw, range(self.num_envs)))
