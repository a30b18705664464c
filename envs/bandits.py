"""Bernoulli bandits: an episode is one pull of one of several arms (Duan et al. 2016, RL^2, section 3.1)."""

from __future__ import annotations

import numpy as np
from gymnasium.spaces import Box, Discrete
from numpy.typing import NDArray

from mamlrl.envs.arguments import check_whole_number
from mamlrl.envs.arrays import Array, on_host
from mamlrl.envs.drawn_beforehand import DrawnBeforehandVectorEnv
from mamlrl.envs.pictures.bars import draw_bars
from mamlrl.envs.single_task_env import single_task_env
from mamlrl.envs.task_env import Frame


class BanditVectorEnv(DrawnBeforehandVectorEnv):
    """A bandit pays 1 with the probability of the arm that is pulled, else 0.

    Observation: the constant 1, shape (1,), since there is nothing to see. Action: an arm. Task: the probability
    of each arm, uniform on [0, 1]. With the horizon 1 of the papers, a trial of n pulls is n episodes of a task.

    Args:
        num_envs: Number of sub-environments.
        arms: Number of arms.
        horizon: Pulls in an episode.
        max_episode_steps: Gymnasium's name of the horizon, which `make_vec` takes from specs; the smaller counts.
        render_mode: None or `rgb_array`.
        device: Where rewards and observations are computed: `cpu`, or a GPU such as `cuda`.
        array_module: `numpy` or `torch`; None stands for NumPy on the CPU, torch on a GPU.
    """

    def __init__(
        self,
        num_envs: int = 1,
        *,
        arms: int = 5,
        horizon: int = 1,
        max_episode_steps: int | None = None,
        render_mode: str | None = None,
        device: str = "cpu",
        array_module: str | None = None,
    ) -> None:
        check_whole_number("arms", arms, least=2)
        super().__init__(
            num_envs,
            observation_space=Box(0.0, 1.0, (1,), np.float64),  # Gymnasium frowns on [1, 1]
            action_space=Discrete(arms),
            task_space=Box(0.0, 1.0, (arms,), np.float64),
            horizon=horizon,
            max_episode_steps=max_episode_steps,
            render_mode=render_mode,
            device=device,
            array_module=array_module,
        )
        self.arms = arms
        self._thresholds = self.asarray(np.zeros((num_envs, self.horizon)))  # of each pull, drawn beforehand
        self._pulled = self.asarray(np.full(num_envs, -1))  # for pictures only

    def sample_tasks(self, rng: np.random.Generator, num_tasks: int) -> NDArray[np.float64]:
        """Draws the probabilities of the arms uniformly from [0, 1], shape (num_tasks, arms)."""
        return rng.random((num_tasks, self.arms))

    def _start(self, chosen: Array) -> None:
        (self._thresholds,) = self._draw_again(
            chosen, lambda rng, number: (rng.random((number, self.horizon)),), [self._thresholds]
        )
        self._pulled = self.xp.where(chosen, -1, self._pulled)

    def _advance(self, actions: Array, running: Array) -> tuple[Array, Array]:
        self._pulled = self.xp.where(running, actions, self._pulled)
        thresholds = self._thresholds[self._now]
        rewards = self.xp.astype(thresholds < self.tasks[self._everyone, actions], self.xp.float64)
        return rewards, ~running  # no episode ends by itself

    def _observe(self) -> Array:
        return self.asarray(np.ones((self.num_envs, 1)))

    def describe_task(self, task: NDArray[np.float64]) -> str:
        """See `TaskEnv.describe_task`."""
        return f"arms pay {', '.join(f'{probability:.2f}' for probability in task)}"

    def _draw(self, index: int) -> Frame:
        return draw_bars(on_host(self.tasks[index]), int(self._pulled[index]), self.frame_size)


BanditEnv = single_task_env(BanditVectorEnv)
