"""Ordinary environments of Gymnasium, of the shapes that people bring, and such as do wrong."""

import os
import signal

import gymnasium
import numpy as np
from gymnasium.spaces import Box, Dict, Discrete, MultiDiscrete


class Point(gymnasium.Env):
    """A point on a plane that is rewarded for being near a goal; observations are one buffer, which it reuses."""

    metadata = {"render_modes": ["rgb_array"], "render_fps": 20}  # noqa: RUF012

    def __init__(self, size=10.0, render_mode=None):
        self.observation_space = Box(-np.inf, np.inf, (2,), np.float32)
        self.action_space = Box(-1, 1, (2,), np.float32)
        self.render_mode = render_mode
        self.size = size
        self.goal = np.zeros(2)
        self.speed = 1.0
        self.reversed = False
        self.kind = "near"
        self._buffer = np.zeros(2, np.float32)

    @property
    def fixed(self):
        return 3.0

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self._buffer[:] = self.np_random.uniform(-0.1, 0.1, 2)
        return self._buffer, {}

    def step(self, action):
        self._buffer += (-1 if self.reversed else 1) * self.speed * action
        distance = float(np.linalg.norm(self._buffer - self.goal))
        return self._buffer, -distance, distance > self.size, False, {}

    def render(self):
        return np.full((30, 40, 3), 200, np.uint8)


class Robot(gymnasium.Env):
    """Observes by a dict, one part of which is a picture, and acts by two choices: which wheel, and where to."""

    metadata = {"render_modes": []}  # noqa: RUF012

    def __init__(self):
        self.observation_space = Dict(
            position=Box(-np.inf, np.inf, (2,), np.float32),
            camera=Box(0, 255, (2, 2), np.uint8),
            gear=Discrete(3, start=1),
        )
        self.action_space = MultiDiscrete([2, 3], start=[0, -1])
        self.speed = 0.1
        self._position = np.zeros(2, np.float32)

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self._position[:] = self.np_random.uniform(-0.1, 0.1, 2)
        return self._observed(1), {}

    def step(self, action):
        assert self.action_space.contains(action)
        wheel, direction = action
        self._position[wheel] += self.speed * direction
        return self._observed(2 + wheel), np.float32(self._position[0] - abs(self._position[1])), False, False, {}

    def _observed(self, gear):
        camera = np.full((2, 2), 100 + np.clip(50 * self._position[0], -99, 99)).astype(np.uint8)
        return {"position": self._position, "camera": camera, "gear": gear}


class Maml(Point):
    """The shape that pytorch-maml-rl documents: tasks are dicts, `reset_task` sets one."""

    def sample_tasks(self, num_tasks):
        goals = self.np_random.uniform(-0.5, 0.5, size=(num_tasks, 2))
        return [{"goal": goal} for goal in goals]

    def reset_task(self, task):
        self._task = task
        self.goal = task["goal"]


class Learn2Learn(Point):
    """The shape that learn2learn documents: `set_task` sets a task and begins an episode."""

    def sample_tasks(self, num_tasks):
        return [{"goal": goal} for goal in np.random.uniform(-0.5, 0.5, size=(num_tasks, 2))]  # noqa: NPY002

    def set_task(self, task):
        self._task = task
        self.goal = task["goal"]
        self.reset()


class Goal:
    """A task that is an object, as Meta-World's are."""

    def __init__(self, name, goal):
        self.name, self.goal = name, goal

    def __repr__(self):
        return f"Goal({self.name})"


class FewTasks(Point):
    """Has five tasks, however many are wanted."""

    def sample_tasks(self, num_tasks):
        return [Goal(f"goal {index}", np.full(2, index / 10)) for index in range(5)][:num_tasks]

    def set_task(self, task):
        assert isinstance(task, Goal)
        self.goal = task.goal


class Unseeded(Maml):
    """Draws tasks from what no seed determines."""

    def sample_tasks(self, num_tasks):
        return np.random.default_rng().uniform(size=(num_tasks, 2)).tolist()


class OutOfPlaceError(Exception):
    """Cannot be pickled, nor made of its text."""

    def __init__(self, env, place):
        super().__init__(f"out of place at {place}")
        self.env = lambda: env


class Faulty(Maml):
    """Does wrong in a later episode's third step, in tasks whose first goal is positive."""

    def __init__(self, what="raise", **kwargs):
        super().__init__(**kwargs)
        self.what, self.episodes, self.steps = what, 0, 0

    def reset(self, *, seed=None, options=None):
        self.episodes += 1
        self.steps = 0
        return super().reset(seed=seed, options=options)

    def step(self, action):
        self.steps += 1
        if self.episodes > 1 and self.steps == 3 and self.goal[0] > 0:
            if self.what == "raise":
                raise OutOfPlaceError(self, 7)
            if self.what == "exit":
                raise SystemExit(3)
            os.kill(os.getpid(), signal.SIGKILL)
        return super().step(action)


class LaterWrong(Maml):
    """Returns something else in the third step of all episodes but the first, in place of a part of `step`.

    Args:
        part: Which of observation, reward, terminated, truncated.
        value: What it returns.
    """

    def __init__(self, part, value):
        super().__init__()
        self.part, self.value, self.episodes, self.steps = part, value, 0, 0

    def reset(self, *, seed=None, options=None):
        self.episodes, self.steps = self.episodes + 1, 0
        return super().reset(seed=seed, options=options)

    def step(self, action):
        self.steps += 1
        parts = list(super().step(action))
        if self.episodes > 1 and self.steps == 3:
            parts[self.part] = self.value
        return tuple(parts)
