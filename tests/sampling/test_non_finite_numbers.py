"""Numbers that are not finite, reported with their place."""

import gymnasium
import numpy as np
import pytest
from samplers import ENV_ID, FIELDS, ClockEnv, sample_fake

from mamlrl.errors import NonFiniteError
from mamlrl.sampling.advantages import AdvantageConfig, process


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("what", ["observation", "reward"])
def test_non_finite_numbers_are_reported_with_their_place(what, value):
    env = ClockEnv(num_envs=6, spoilt=[(what, 5, 3)], value=value)
    env.set_tasks(np.array([[2.0], [7.25]]))
    with pytest.raises(NonFiniteError) as caught:
        sample_fake(env, num_tasks=2)
    for part in ("ClockEnv", what, "task 1", "7.25", "episode 2", "step 3"):
        assert part in str(caught.value)
    assert "\n" not in str(caught.value)


def test_non_finite_error_names_the_id_of_a_registered_environment():
    env = ClockEnv(spoilt=[("reward", 0, 0)])
    env.spec = gymnasium.spec(ENV_ID)
    with pytest.raises(NonFiniteError, match=ENV_ID):
        sample_fake(env)


def test_the_first_of_several_non_finite_numbers_is_reported():
    env = ClockEnv(spoilt=[("reward", 1, 4), ("reward", 3, 2), ("reward", 4, 2)])
    with pytest.raises(NonFiniteError, match=r"task 1 .*episode 0, step 2"):
        sample_fake(env)


@pytest.mark.parametrize("what", ["observation", "reward"])
def test_non_finite_numbers_after_the_end_of_an_episode_stay_out_of_the_batch(what):
    env = ClockEnv(lengths=[3, 8, 8, 8, 8, 8], spoilt=[(what, 0, time) for time in range(3, 9)])
    rollouts = sample_fake(env)
    assert rollouts.mask.sum(dim=2)[0, 0] == 3
    for name in FIELDS:
        assert getattr(rollouts, name).isfinite().all(), name
    processed = process(rollouts, AdvantageConfig())
    assert processed.batch.advantages.isfinite().all()
    assert processed.batch.observations.isfinite().all()
