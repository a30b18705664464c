"""Gymnasium's conventions: options of resets, time limits of specifications, checkers."""

import warnings

import gymnasium
import numpy as np
import pytest
from env_cases import (
    HORIZON,
    IDS,
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

every_id = pytest.mark.parametrize("env_id", IDS)


# Options of resets


@every_case
@pytest.mark.parametrize("name", ["reset_maks", "low", 3])
def test_options_that_there_are_not_are_refused_and_change_nothing(case, name):
    env, twin = make_batch(case), make_batch(case)
    for each in (env, twin):
        each.reset(seed=0)
    with pytest.raises(ValueError, match=f"there is reset_mask, got {name!r}"):
        env.reset(seed=1, options={name: 1})
    assert_same(record(env, sample_actions(env, 3)), record(twin, sample_actions(env, 3)))
    assert_same([env.reset(options={})[0]], [twin.reset()[0]])


@every_case
@pytest.mark.parametrize("mask", [None, [True], np.ones(NUM_ENVS), np.ones((NUM_ENVS, 1), np.bool_), "all"])
def test_masks_that_are_none_are_refused(case, mask):
    env = make_batch(case)
    env.reset(seed=0)
    with pytest.raises(ValueError, match=r"reset_mask must be booleans of shape \(6,\)"):
        env.reset(options={"reset_mask": mask})


@every_family
@pytest.mark.parametrize("name", ["reset_mask", "low"])
def test_single_environments_have_no_options(case, name):
    env = gymnasium.make(case.id, **case.kwargs)
    with pytest.raises(ValueError, match=f"options of reset: there are none, got '{name}'"):
        env.reset(options={name: 1})
    env.reset(options={})


# Specifications


@every_family
def test_specifications_tell_the_horizon(case):
    single = gymnasium.make(case.id, horizon=HORIZON, **case.kwargs)
    batch = gymnasium.make_vec(case.id, num_envs=2, horizon=HORIZON, **case.kwargs)
    assert single.spec.max_episode_steps == batch.spec.max_episode_steps == HORIZON
    default = gymnasium.make(case.id, **case.kwargs)
    assert default.spec.max_episode_steps == default.unwrapped.vector_env.horizon
    assert gymnasium.spec(case.id).max_episode_steps is None  # the registered one is not touched


@every_family
def test_environments_made_of_specifications_are_the_same(case):
    """Gymnasium puts a `TimeLimit` around them, or passes `max_episode_steps`; neither changes an episode."""
    single = gymnasium.make(case.id, horizon=HORIZON, **case.kwargs)
    limited = gymnasium.make(single.spec)
    start, limited_start = single.reset(seed=0)[0], limited.reset(seed=0)[0]
    actions = sample_actions(single)
    episode = record(single, actions)
    length = 1 + int(np.argmax(episode[2] | episode[3]))  # of the episode, whichever its end
    limited_episode = record(limited, actions[:length])
    assert_same([start, *(part[:length] for part in episode)], [limited_start, *limited_episode])
    for spec in (single.spec, gymnasium.make_vec(case.id, num_envs=3, horizon=HORIZON, **case.kwargs).spec):
        assert gymnasium.make_vec(spec).horizon == HORIZON


@every_id
def test_gymnasiums_name_of_the_horizon_shortens_episodes(env_id):
    shorter = min(7, gymnasium.make_vec(env_id).horizon)
    assert gymnasium.make_vec(env_id, max_episode_steps=7).horizon == shorter
    assert gymnasium.make_vec(env_id, max_episode_steps=7, horizon=5).horizon == 5
    assert gymnasium.make(env_id, max_episode_steps=7).spec.max_episode_steps == 7
    with pytest.raises(ValueError, match="max_episode_steps must be a whole number"):
        gymnasium.make_vec(env_id, max_episode_steps=0)


# Tasks of single environments, and checkers


@every_family
@pytest.mark.parametrize("sample", ["sample_tasks", "sample_test_tasks"])
def test_single_environments_sample_the_tasks_of_their_family(case, sample):
    single, batch = make_single(case), make_batch(case)
    drawn = [getattr(env, sample)(np.random.default_rng(0), 5) for env in (single, batch)]
    np.testing.assert_array_equal(*drawn)
    single.set_task(drawn[0][0])
    single.reset()
    np.testing.assert_array_equal(single.vector_env.tasks, drawn[0][:1])


@every_family
def test_the_checker_has_nothing_to_say_but_that_bodies_have_no_bounds(case):
    """Gymnasium's own bodies have observations without bounds, too, and get the same two warnings."""
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        check_env(make_single(case), skip_render_check=True)
    unbounded = [warning for warning in told if "infinity" in str(warning.message)]
    assert len(told) == len(unbounded) == (2 if "family" in case.kwargs else 0)
