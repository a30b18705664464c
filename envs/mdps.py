"""Random tabular Markov decision processes (Duan et al. 2016, RL^2, section 3.2; Osband et al. 2013)."""

from __future__ import annotations

import numpy as np
from gymnasium.spaces import Box, Discrete
from numpy.typing import NDArray

from mamlrl.envs.arguments import check_array, check_whole_number
from mamlrl.envs.arrays import Array, on_host
from mamlrl.envs.drawn_beforehand import DrawnBeforehandVectorEnv
from mamlrl.envs.pictures.bars import draw_bars
from mamlrl.envs.single_task_env import single_task_env
from mamlrl.envs.task_env import Frame

TOLERANCE = 1e-6  # of the sum of probabilities


class TabularMDPVectorEnv(DrawnBeforehandVectorEnv):
    """States and actions are numbers; tables say where an action leads, and what it earns on average.

    Observation: the state as a one-hot vector, shape (states,). Action: its number. Episodes start in state 0.
    Reward: normal with the mean of state and action, and standard deviation 1.

    Task, shape (states * actions * (states + 1),): for each state and action, in this order, the probability of
    each next state, drawn from the flat Dirichlet distribution, and then the mean reward, drawn from the normal
    distribution of mean 1 and standard deviation 1. `tables` gives it the shape (states, actions, states + 1).

    Args:
        num_envs: Number of sub-environments.
        states: Number of states.
        actions: Number of actions.
        horizon: Steps after which an episode is truncated.
        max_episode_steps: Gymnasium's name of the horizon, which `make_vec` takes from specs; the smaller counts.
        render_mode: None or `rgb_array`.
        device: Where rewards and observations are computed: `cpu`, or a GPU such as `cuda`.
        array_module: `numpy` or `torch`; None stands for NumPy on the CPU, torch on a GPU.
    """

    def __init__(
        self,
        num_envs: int = 1,
        *,
        states: int = 10,
        actions: int = 5,
        horizon: int = 10,
        max_episode_steps: int | None = None,
        render_mode: str | None = None,
        device: str = "cpu",
        array_module: str | None = None,
    ) -> None:
        check_whole_number("states", states, least=1)
        check_whole_number("actions", actions, least=2)
        low, high = (np.full((states, actions, states + 1), bound) for bound in (0.0, 1.0))
        low[..., -1], high[..., -1] = -np.inf, np.inf
        super().__init__(
            num_envs,
            observation_space=Box(0.0, 1.0, (states,), np.float64),
            action_space=Discrete(actions),
            task_space=Box(low.ravel(), high.ravel(), dtype=np.float64),
            horizon=horizon,
            max_episode_steps=max_episode_steps,
            render_mode=render_mode,
            device=device,
            array_module=array_module,
        )
        self.states = states
        self.actions = actions
        self._one_hot = self.asarray(np.eye(states))
        self._states = self.asarray(np.zeros(num_envs, dtype=np.int64))
        # Drawn beforehand for each step: what decides on the next state, and the noise of the reward
        self._thresholds = self.asarray(np.zeros((num_envs, self.horizon)))
        self._noise = self.asarray(np.zeros((num_envs, self.horizon)))

    def sample_tasks(self, rng: np.random.Generator, num_tasks: int) -> NDArray[np.float64]:
        """Draws transitions and mean rewards, shape (num_tasks, states * actions * (states + 1))."""
        size = (num_tasks, self.states, self.actions)
        transitions = rng.dirichlet(np.ones(self.states), size)
        means = rng.normal(1.0, 1.0, size)
        return np.concatenate([transitions, means[..., None]], axis=-1).reshape(num_tasks, -1)

    def tables(self, tasks: Array) -> Array:
        """Returns tasks as tables, shape (..., states, actions, states + 1)."""
        return tasks.reshape(*tasks.shape[:-1], self.states, self.actions, self.states + 1)

    def set_tasks(self, tasks: NDArray[np.float64]) -> None:
        """See `TaskEnv.set_tasks`; the probabilities of each state and action must sum to 1."""
        tasks = check_array("tasks", tasks)
        if all(task.shape == self.task_space.shape and self.task_space.contains(task) for task in tasks):
            sums = self.tables(tasks)[..., :-1].sum(axis=-1)
            if np.any(abs(sums - 1) > TOLERANCE):
                raise ValueError("tasks: the probabilities of next states must sum to 1 for each state and action")
        super().set_tasks(tasks)  # refuses the others

    def _start(self, chosen: Array) -> None:
        before = self._thresholds, self._noise
        self._thresholds, self._noise = self._draw_again(chosen, self._draw_steps, before)
        self._states = self.xp.where(chosen, 0, self._states)

    def _draw_steps(self, rng: np.random.Generator, number: int) -> tuple[NDArray[np.float64], ...]:
        size = (number, self.horizon)
        return rng.random(size), rng.standard_normal(size)

    def _advance(self, actions: Array, running: Array) -> tuple[Array, Array]:
        rows = self.tables(self.tasks)[self._everyone, self._states, actions]
        now = self._now
        rewards = rows[:, -1] + self._noise[now]
        passed = self.xp.cumulative_sum(rows[:, :-1], axis=1) <= self._thresholds[now][:, None]
        reached = self.xp.sum(passed, axis=1).clip(0, self.states - 1)  # the last sum may be rounded below 1
        self._states = self.xp.where(running, reached, self._states)
        return rewards, ~running  # no episode ends by itself

    def _observe(self) -> Array:
        return self._one_hot[self._states]

    def describe_task(self, task: NDArray[np.float64]) -> str:
        """See `TaskEnv.describe_task`."""
        means = self.tables(task)[..., -1]
        return f"mean rewards from {np.min(means):.2f} to {np.max(means):.2f}"

    def _draw(self, index: int) -> Frame:
        """Shows the best mean reward of each state, and marks the current state."""
        best = on_host(self.tables(self.tasks[index])[..., -1]).max(axis=1)
        return draw_bars(best, int(self._states[index]), self.frame_size)


TabularMDPEnv = single_task_env(TabularMDPVectorEnv)
