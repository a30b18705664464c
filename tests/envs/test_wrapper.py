"""A wrapper that overrides nothing cannot be told from the environment inside."""

import copy

import gymnasium
import numpy as np
import pytest
from env_cases import HORIZON, IDS, NUM_ENVS, assert_same, mask_of, record, sample_actions, some_tasks

from mamlrl.envs import TaskEnv
from mamlrl.envs.navigation import Navigation2DVectorEnv
from mamlrl.envs.wrappers.wrapper import TaskWrapper

CONTRACT = ("num_envs", "horizon", "task_space", "frame_size", "metadata", "render_mode", "spec", "closed")
SPACES = ("observation_space", "action_space", "single_observation_space", "single_action_space")


def make(env_id="mamlrl/Navigation2D-v0", **kwargs):
    return gymnasium.make_vec(env_id, num_envs=NUM_ENVS, **{"horizon": HORIZON, **kwargs})


def wrapped_twice(env_id="mamlrl/Navigation2D-v0", **kwargs):
    return TaskWrapper(TaskWrapper(make(env_id, **kwargs)))


@pytest.mark.parametrize("env_id", IDS)
def test_the_contract_is_forwarded(env_id):
    env, bare = wrapped_twice(env_id), make(env_id)
    assert isinstance(env, TaskEnv)
    for name in (*CONTRACT, *SPACES):
        assert getattr(env, name) == getattr(bare, name), name
    tasks = some_tasks(bare, 3)
    np.testing.assert_array_equal(some_tasks(env, 3), tasks)
    np.testing.assert_array_equal(
        env.sample_test_tasks(np.random.default_rng(0), 3), bare.sample_test_tasks(np.random.default_rng(0), 3)
    )
    assert env.describe_task(tasks[0]) == bare.describe_task(tasks[0])


@pytest.mark.parametrize("env_id", IDS)
def test_episodes_are_the_same(env_id):
    env, bare = wrapped_twice(env_id), make(env_id)
    actions, chosen = sample_actions(bare), mask_of(1, 4)
    played = []
    for each in (env, bare):
        start, _ = each.reset(seed=0)
        first = record(each, actions)
        restarted, _ = each.reset(options={"reset_mask": chosen})
        tasks = each.tasks.copy()
        second = record(each, actions)
        each.set_tasks(some_tasks(each, 3))
        again, _ = each.reset(seed=1)
        played.append([start, *first, restarted, tasks, *second, again, each.tasks, each.diverged])
    assert_same(*played)


def test_wrappers_stack():
    bare = make()
    env = TaskWrapper(TaskWrapper(bare))
    assert env.unwrapped is bare
    assert env.env.env is bare
    assert repr(env) == f"<TaskWrapper, <TaskWrapper, {bare}>>"


def test_attributes_beyond_the_contract_are_those_of_the_environment_inside():
    env = wrapped_twice("mamlrl/HalfCheetahVelocity-v0")
    assert env.simulator is env.unwrapped.simulator
    assert env.family == "rllab"
    for name in ("no_such_thing", "_observations"):
        assert not hasattr(env, name)


def test_an_attribute_that_a_wrapper_sets_hides_the_one_inside():
    env = wrapped_twice()
    env.env.horizon = 7
    assert (env.horizon, env.env.horizon, env.unwrapped.horizon) == (7, 7, HORIZON)


def test_a_method_that_a_wrapper_overrides_hides_the_one_inside():
    class Same(TaskWrapper):
        def sample_tasks(self, rng, num_tasks):
            return np.zeros((num_tasks, 2))

    env = TaskWrapper(Same(make()))
    np.testing.assert_array_equal(some_tasks(env, 4), np.zeros((4, 2)))
    assert some_tasks(env.unwrapped, 4).any()


@pytest.mark.parametrize("size", [48, 100])
def test_pictures_are_those_of_the_environment_inside(size):
    env = wrapped_twice(render_mode="rgb_array")
    env.frame_size = size
    assert env.unwrapped.frame_size == size
    env.reset(seed=0)
    frames = env.render()
    assert frames[0].shape == (size, size, 3)
    assert_same(frames, env.unwrapped.render())
    assert wrapped_twice().render() is None


def test_randomness_is_that_of_the_environment_inside():
    env = wrapped_twice()
    env.reset(seed=5)
    assert env.np_random is env.unwrapped.np_random
    assert env.np_random_seed == 5
    env.np_random = generator = np.random.default_rng(3)
    assert env.unwrapped.np_random is generator


def test_closing_closes_the_environment_inside():
    env = wrapped_twice()
    env.close()
    assert env.closed
    assert env.unwrapped.closed


def test_copies_are_independent():
    env = wrapped_twice()
    env.reset(seed=0)
    other = copy.deepcopy(env)
    assert isinstance(other.unwrapped, Navigation2DVectorEnv)
    assert other.unwrapped is not env.unwrapped
    actions = sample_actions(env)
    assert_same(record(env, actions), record(other, actions))
