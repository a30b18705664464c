"""Ordinary environments are made from vector environments, and can be found by name."""

import pickle

import gymnasium
import numpy as np
import pytest
from env_cases import IDS
from gymnasium.envs.registration import load_env_creator

from mamlrl.envs import SingleTaskEnv
from mamlrl.envs.navigation import Navigation2DEnv, Navigation2DVectorEnv
from mamlrl.envs.single_task_env import single_task_env


@pytest.mark.parametrize("env_id", IDS)
def test_both_entry_points_of_an_id_belong_together(env_id):
    spec = gymnasium.spec(env_id)
    env_class, vector_env_class = map(load_env_creator, (spec.entry_point, spec.vector_entry_point))
    assert issubclass(env_class, SingleTaskEnv)
    assert env_class.vector_env_class is vector_env_class
    assert f"{env_class.__module__}:{env_class.__qualname__}" == spec.entry_point
    assert env_class.__name__ == env_class.__qualname__
    assert vector_env_class.__name__ in env_class.__doc__
    assert pickle.loads(pickle.dumps(env_class)) is env_class


def test_an_environment_that_is_pickled_goes_on_where_it_was():
    env = Navigation2DEnv(horizon=5)
    env.reset(seed=0)
    env.step(np.array([0.1, 0.0]))
    copy = pickle.loads(pickle.dumps(env))
    for one, other in zip(env.step(np.array([0.0, 0.1]))[:4], copy.step(np.array([0.0, 0.1]))[:4], strict=True):
        np.testing.assert_array_equal(one, other)


def test_a_family_of_any_name_and_place_is_taken():
    class Plain(Navigation2DVectorEnv):
        pass

    env_class = single_task_env(Plain)
    assert (env_class.__name__, env_class.__module__) == ("PlainEnv", __name__)
    assert env_class.__qualname__ == Plain.__qualname__ + "Env"
    assert isinstance(env_class().vector_env, Plain)
