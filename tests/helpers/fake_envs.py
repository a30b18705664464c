"""Task environments as simple as can be, for what goes wrong with environments."""

import numpy as np
from gymnasium.spaces import Box

from mamlrl.envs import TaskVectorEnv

PLANE = Box(-20, 20, (2,), np.float64)


class FakeEnv(TaskVectorEnv):
    """A point that actions move, rewarded for being where the task says; subclasses break it."""

    observations, actions = PLANE, Box(-1, 1, (2,), np.float64)

    def __init__(self, num_envs=1, *, horizon=10, render_mode=None):
        task_space = Box(-1, 1, (2,), np.float64)
        super().__init__(num_envs, self.observations, self.actions, task_space, horizon, render_mode)
        self.points = np.zeros((num_envs, 2))
        self.resets = 0

    def sample_tasks(self, rng, num_tasks):
        return rng.uniform(-1, 1, (num_tasks, 2))

    def _start(self, chosen):
        self.points[chosen] = 0
        self.resets += 1

    def _advance(self, actions, running):
        self.points += np.clip(actions, -1, 1) * running[:, None]
        return -np.abs(self.points - self.tasks).sum(axis=1), np.zeros(self.num_envs, dtype=np.bool_)

    def _observe(self):
        return self.points.copy()

    def _draw(self, index):
        raise NotImplementedError


class SpatialEnv(FakeEnv):
    """The same with a third coordinate, and so with other parameters than 2D navigation."""

    observations = Box(-20, 20, (3,), np.float64)

    def _observe(self):
        return np.pad(self.points, [(0, 0), (0, 1)])
