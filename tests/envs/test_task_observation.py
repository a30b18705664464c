"""Observations with the task appended; everything else stays as it is."""

import gymnasium
import numpy as np
import pytest
from env_cases import HORIZON, IDS, NUM_ENVS, assert_same, mask_of, record, sample_actions, some_tasks
from gymnasium.spaces import Box, Discrete

from mamlrl.envs import TaskVectorEnv
from mamlrl.envs.wrappers.build import WRAPPERS
from mamlrl.envs.wrappers.task_observation import TaskObservation

every_id = pytest.mark.parametrize("env_id", IDS)


def make(env_id="mamlrl/Navigation2D-v0"):
    return gymnasium.make_vec(env_id, num_envs=NUM_ENVS, horizon=HORIZON)


def split(env, observations):
    """The observations of the environment inside, and what is appended."""
    size = env.unwrapped.single_observation_space.shape[0]
    return observations[..., :size], observations[..., size:]


def test_it_has_a_name():
    assert WRAPPERS["task_observation"] is TaskObservation


@every_id
def test_the_task_is_appended_and_nothing_else_changes(env_id):
    env, bare = TaskObservation(make(env_id)), make(env_id)
    actions = sample_actions(bare)
    for seed, options in ((0, None), (None, {"reset_mask": mask_of(1, 4)}), (1, None)):
        observations, info = env.reset(seed=seed, options=options)
        expected, expected_info = bare.reset(seed=seed, options=options)
        assert_same(split(env, observations), (expected, bare.tasks))
        assert info == expected_info
        played, expected_play = record(env, actions), record(bare, actions)
        observed, tasks = split(env, played[0])
        assert_same([observed, *played[1:]], expected_play)
        np.testing.assert_array_equal(tasks, np.broadcast_to(bare.tasks, tasks.shape))


@every_id
def test_tasks_that_are_set_are_observed(env_id):
    env = TaskObservation(make(env_id))
    tasks = some_tasks(env, 3)
    env.set_tasks(tasks)
    _, observed = split(env, env.reset(seed=0)[0])
    np.testing.assert_array_equal(observed, np.repeat(tasks, NUM_ENVS // 3, axis=0))


@every_id
def test_the_space_is_extended_by_the_bounds_of_the_task_space(env_id):
    env = TaskObservation(make(env_id))
    bare, space = env.unwrapped, env.single_observation_space
    assert space.dtype == np.float64
    for bound in ("low", "high"):
        observed, appended = split(env, getattr(space, bound))
        assert_same(
            (observed, appended), (getattr(bare.single_observation_space, bound), getattr(bare.task_space, bound))
        )
    assert env.observation_space.shape == (NUM_ENVS, *space.shape)
    assert (env.action_space, env.task_space) == (bare.action_space, bare.task_space)


def test_overwriting_observations_does_not_change_the_tasks():
    env = TaskObservation(make())
    observations, _ = env.reset(seed=0)
    tasks = env.tasks.copy()
    observations[:] = 9
    np.testing.assert_array_equal(env.tasks, tasks)
    np.testing.assert_array_equal(split(env, env.step(env.action_space.sample())[0])[1], tasks)


def test_it_can_be_put_around_itself():
    env = TaskObservation(TaskObservation(make()))
    observations, _ = env.reset(seed=0)
    np.testing.assert_array_equal(split(env, observations)[1], np.hstack([env.tasks, env.tasks]))


class Stand(TaskVectorEnv):
    """Observes zeros of any space; its tasks are matrices."""

    def __init__(self, observation_space, num_envs=2):
        super().__init__(num_envs, observation_space, Discrete(2), Box(-1.0, 1.0, (2, 3), np.float64), horizon=3)

    def sample_tasks(self, rng, num_tasks):
        return rng.uniform(-1, 1, (num_tasks, 2, 3))

    def _start(self, chosen):
        pass

    def _advance(self, actions, running):
        return np.zeros(self.num_envs), np.zeros(self.num_envs, dtype=np.bool_)

    def _observe(self):
        return np.zeros(self.observation_space.shape, self.observation_space.dtype)

    def _draw(self, index):
        raise NotImplementedError


def test_tasks_are_flattened_and_keep_their_precision():
    env = TaskObservation(Stand(Box(-1.0, 1.0, (4,), np.float32)))
    observations, _ = env.reset(seed=0)
    assert observations.dtype == np.float64
    assert env.observation_space.contains(observations)
    np.testing.assert_array_equal(observations[:, 4:], env.tasks.reshape(2, 6))


@pytest.mark.parametrize("space", [Discrete(3), Box(0, 255, (8, 8), np.uint8)])
def test_observations_that_are_not_vectors_are_refused(space):
    with pytest.raises(ValueError, match=r"vectors, not to (Discrete|Box)\("):
        TaskObservation(Stand(space))
