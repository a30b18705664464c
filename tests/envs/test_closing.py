"""Environments that are looked at are closed, and what went wrong first is what is told."""

import gymnasium
import pytest

from mamlrl.envs.adapter.closing import closed_after
from mamlrl.envs.gymnasium_adapter import task_env
from mamlrl.errors import UserError


class Stuck(gymnasium.Env):
    """Cannot be closed."""

    observation_space = gymnasium.spaces.Box(-1.0, 1.0, (2,))
    action_space = gymnasium.spaces.Box(-1.0, 1.0, (1,))

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        return self.observation_space.sample(), {}

    def step(self, action):
        return self.observation_space.sample(), 0.0, False, False, {}

    def close(self):
        raise RuntimeError("it is stuck")


class Counted:
    """Counts how often it is closed."""

    closed = 0

    def close(self):
        self.closed += 1


def test_it_is_closed_once_whether_or_not_something_fails():
    env = Counted()
    with closed_after("it", env):
        assert env.closed == 0
    assert env.closed == 1
    with pytest.raises(KeyboardInterrupt), closed_after("it", env):
        raise KeyboardInterrupt
    assert env.closed == 2


def test_an_error_of_close_is_named():
    message = r"^env\.id: it: close raised RuntimeError: it is stuck$"
    with pytest.raises(UserError, match=message), closed_after("it", Stuck()):
        pass


def test_an_earlier_error_is_told_rather_than_that_of_close():
    with pytest.raises(ValueError, match="first"), closed_after("it", Stuck()):
        raise ValueError("first")


@pytest.mark.parametrize(
    ("horizon", "message"), [(None, "has no time limit"), (10, "close raised RuntimeError: it is stuck")]
)
def test_an_environment_that_cannot_be_closed_is_refused_for_its_first_fault(horizon, message):
    family = task_env(Stuck, lambda rng, count: rng.normal(size=(count, 1)), lambda env, task: None)
    with pytest.raises(UserError, match=message):
        family(2, horizon=horizon)
