"""Conventions that every registered environment keeps: spaces, seeds, pictures, refusals."""

import os

import gymnasium
import numpy as np
import pytest
from env_cases import (
    FAMILIES,
    HORIZON,
    NUM_ENVS,
    assert_same,
    every_case,
    every_family,
    make_batch,
    make_single,
    record,
    sample_actions,
)
from gymnasium.utils.env_checker import check_env
from gymnasium.vector import AutoresetMode, VectorEnv
from gymnasium.vector.utils import batch_space

from mamlrl.envs.locomotion.locomotion_env import LocomotionVectorEnv


def test_registry_holds_task_families():
    assert {case.kwargs.get("family") for case in FAMILIES} == {None, "rllab", "gymnasium"}


@every_family
@pytest.mark.filterwarnings("ignore:.*A Box observation space m.*infinity")  # simulated bodies have no bounds
def test_gymnasium_checker_passes(case):
    check_env(make_single(case))


@every_family
@pytest.mark.filterwarnings("ignore:.*A Box observation space m.*infinity")
def test_wrapped_by_gymnasium_make_an_episode_runs_without_warnings(case):
    env = gymnasium.make(case.id, horizon=HORIZON, **case.kwargs)
    env.reset(seed=0)
    for action in sample_actions(env):
        _, _, terminated, truncated, _ = env.step(action)
        if terminated or truncated:
            break
    assert terminated or truncated


@every_family
def test_default_horizon_can_be_left_out(case):
    env = gymnasium.make_vec(case.id, num_envs=2, **case.kwargs)
    single = gymnasium.make(case.id, **case.kwargs).unwrapped
    assert env.horizon == single.vector_env.horizon != HORIZON


@every_case
def test_batch_follows_vector_conventions(case):
    env = make_batch(case)
    assert isinstance(env, VectorEnv)
    assert env.num_envs == NUM_ENVS
    assert env.metadata["autoreset_mode"] is AutoresetMode.DISABLED
    assert env.observation_space == batch_space(env.single_observation_space, NUM_ENVS)
    assert env.action_space == batch_space(env.single_action_space, NUM_ENVS)

    observations, info = env.reset(seed=0)
    assert env.observation_space.contains(observations)
    assert isinstance(info, dict)
    for actions in sample_actions(env):
        observations, rewards, terminated, truncated, info = env.step(actions)
        assert env.observation_space.contains(observations)
        assert isinstance(info, dict)
        assert (rewards.shape, rewards.dtype) == ((NUM_ENVS,), np.float64)
        assert (terminated.shape, terminated.dtype) == ((NUM_ENVS,), np.bool_)
        assert (truncated.shape, truncated.dtype) == ((NUM_ENVS,), np.bool_)
    env.close()


@every_family
def test_single_env_has_the_spaces_of_one_sub_environment(case):
    single, batch = make_single(case), make_batch(case)
    assert single.observation_space == batch.single_observation_space
    assert single.action_space == batch.single_action_space


@every_case
def test_same_seed_gives_the_same_episodes(case):
    env, twin = make_batch(case), make_batch(case)
    actions = sample_actions(env)
    first = [env.reset(seed=5)[0], env.tasks.copy(), *record(env, actions)]
    assert_same(first, [twin.reset(seed=5)[0], twin.tasks.copy(), *record(twin, actions)])
    assert_same(first, [env.reset(seed=5)[0], env.tasks.copy(), *record(env, actions)])


@every_case
def test_other_seeds_and_unseeded_resets_give_other_episodes(case):
    env = make_batch(case)
    actions = sample_actions(env)
    rewards = []
    for seed in (5, 6, None):
        env.reset(seed=seed)
        rewards.append(record(env, actions)[1])
    for one, other in [(0, 1), (0, 2), (1, 2)]:
        assert not np.array_equal(rewards[one], rewards[other])


@every_case
def test_rendering_gives_one_picture_per_sub_environment(case):
    env = make_batch(case, num_envs=2, render_mode="rgb_array")
    if isinstance(env.unwrapped, LocomotionVectorEnv) and os.environ.get("MUJOCO_GL") not in ("egl", "osmesa"):
        pytest.skip("MuJoCo has nothing here to draw with")
    env.reset(seed=0)
    frames = env.render()
    assert len(frames) == 2
    for frame in frames:
        assert frame.dtype == np.uint8
        assert frame.shape == frames[0].shape
        assert frame.shape[2:] == (3,)
        assert len(np.unique(frame)) > 1
    env.close()

    single = make_single(case, render_mode="rgb_array")
    single.reset(seed=0)
    assert single.render().shape == frames[0].shape
    single.close()


@every_case
def test_without_a_render_mode_there_is_no_picture(case):
    for env in (make_batch(case), make_single(case)):
        env.reset(seed=0)
        assert env.render_mode is None
        assert env.render() is None


@every_case
def test_stepping_before_the_first_reset_is_refused(case):
    for env in (make_batch(case), make_single(case)):
        with pytest.raises(gymnasium.error.ResetNeeded, match="reset"):
            env.step(env.action_space.sample())


@every_case
def test_actions_of_another_shape_are_refused(case):
    env, single = make_batch(case), make_single(case)
    env.reset(seed=0)
    single.reset(seed=0)
    actions = env.action_space.sample()
    for wrong in (actions[:-1], actions[0], actions[..., None], actions[None]):
        with pytest.raises(ValueError, match="actions must have shape"):
            env.step(wrong)
    with pytest.raises(ValueError, match="actions must have shape"):
        single.step(actions)


@every_case
@pytest.mark.parametrize("name", ["num_envs", "horizon"])
@pytest.mark.parametrize("value", [0, -1])
def test_sizes_below_one_are_refused_by_name(case, name, value):
    with pytest.raises(ValueError, match=f"{name} must"):
        make_batch(case, **{name: value})


@every_family
def test_unknown_render_mode_is_refused_by_name(case):
    env = make_batch(case)
    with pytest.raises(ValueError, match="render_mode must"):
        type(env)(num_envs=1, render_mode="hologram")
