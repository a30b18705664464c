"""Environments that do wrong at a chosen call, and such as are peculiar but right."""

import numpy as np
from fake_envs import FakeEnv
from gymnasium.spaces import Box


class FaultyEnv(FakeEnv):
    """One call of one method goes wrong; calls are counted over all environments of the process."""

    method, fault, call, calls = "", None, 1, 0

    def _passed(self, method, value):
        cls = FaultyEnv
        cls.calls += method == cls.method
        return cls.fault(value) if method == cls.method and cls.calls == cls.call else value

    def sample_tasks(self, rng, num_tasks):
        return self._passed("sample_tasks", super().sample_tasks(rng, num_tasks))

    def set_tasks(self, tasks):
        super().set_tasks(tasks)
        self._passed("set_tasks", None)

    def reset(self, *, seed=None, options=None):
        observations, info = super().reset(seed=seed, options=options)
        return self._passed("reset_parts", (self._passed("reset", observations), info))

    def step(self, actions):
        observations, rewards, terminated, truncated, info = super().step(actions)
        return self._passed(
            "step_parts",
            (
                self._passed("step", observations),
                self._passed("step_rewards", rewards),
                self._passed("step_terminations", terminated),
                self._passed("step_truncations", truncated),
                info,
            ),
        )

    def render(self):
        return self._passed("render", super().render())

    def describe_task(self, task):
        return self._passed("describe_task", super().describe_task(task))

    def _draw(self, index):
        return np.full((self.frame_size, self.frame_size, 3), 10 * index, dtype=np.uint8)


class SingleEnv(FakeEnv):
    """In single precision, as most of Gymnasium."""

    observations = Box(-20, 20, (2,), np.float32)

    def _observe(self):
        return self.points.astype(np.float32)


class AliasedEnv(SingleEnv):
    """Returns its own arrays, writes over them, and over the actions that it is given."""

    def step(self, actions):
        results = super().step(actions)
        actions[...] = np.nan
        return (*self._own(results[:4]), results[4])

    def reset(self, *, seed=None, options=None):
        observations, info = super().reset(seed=seed, options=options)
        return self._own([observations])[0], info

    def _own(self, arrays):
        if not hasattr(self, "own"):
            self.own = [np.zeros_like(array) for array in (self._observe(), *[np.zeros(self.num_envs)])]
            self.own += [np.zeros(self.num_envs, dtype=np.bool_) for _ in range(2)]
        for own, array in zip(self.own, arrays, strict=False):
            own[...] = array
        return self.own[: len(arrays)]


class ListEnv(SingleEnv):
    """Returns lists and arrays that cannot be written or are not contiguous."""

    def step(self, actions):
        observations, rewards, terminated, truncated, info = super().step(actions)
        observations = np.asfortranarray(observations)
        observations.flags.writeable = False
        return observations, rewards.tolist(), terminated.tolist(), truncated.tolist(), info
