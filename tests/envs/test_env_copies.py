"""Copies and pickles of environments: equal in state, and independent afterwards."""

import copy
import pickle
import subprocess
import sys

import gymnasium
import numpy as np
import pytest
from env_cases import (
    HORIZON,
    assert_same,
    every_case,
    every_family,
    make_batch,
    mask_of,
    record,
    sample_actions,
    some_tasks,
)

from mamlrl.envs.locomotion.locomotion_env import LocomotionVectorEnv

every_copy = pytest.mark.parametrize(
    "duplicate", [copy.deepcopy, lambda env: pickle.loads(pickle.dumps(env))], ids=["deepcopy", "pickle"]
)


def state(env):
    """Everything that a simulated body has, and the task."""
    arrays = [env.tasks, env.diverged]
    if isinstance(env.unwrapped, LocomotionVectorEnv):
        arrays += [env.simulator.positions, env.simulator.velocities, *env.simulator.fields.values()]
    return [array.copy() for array in arrays]


@every_case
@every_copy
def test_a_copy_goes_on_as_the_original_would_and_neither_changes_the_other(case, duplicate):
    env, twin = make_batch(case), make_batch(case)
    actions, others = sample_actions(env, 2 * HORIZON), sample_actions(env, 2 * HORIZON, seed=1)
    for each in (env, twin):
        each.reset(seed=0)
        record(each, actions[:7])
        each.reset(options={"reset_mask": mask_of(1, 4)})  # episodes of different ages
        record(each, actions[7:9])
    duplicated = duplicate(env)
    assert type(duplicated) is type(env)
    assert_same(state(duplicated), state(env))
    before = state(duplicated)
    record(env, others[:5])
    assert_same(state(duplicated), before)
    assert_same(record(duplicated, actions[9:15]), record(twin, actions[9:15]))
    assert_same([duplicated.reset()[0]], [twin.reset()[0]])  # draws the same tasks and states, too
    assert_same(record(duplicated, actions[15:]), record(twin, actions[15:]))
    assert_same(state(duplicated), state(twin))


@every_case
@every_copy
def test_an_environment_that_was_never_reset_can_be_copied(case, duplicate):
    env = make_batch(case)
    duplicated = duplicate(env)
    assert_same([env.reset(seed=0)[0]], [duplicated.reset(seed=0)[0]])
    with pytest.raises(gymnasium.error.ResetNeeded):
        duplicate(make_batch(case)).step(env.action_space.sample())


@every_family
@every_copy
def test_single_environments_can_be_copied_with_what_make_puts_around_them(case, duplicate):
    env = gymnasium.make(case.id, horizon=HORIZON, **case.kwargs)
    env.unwrapped.set_task(some_tasks(env.unwrapped, 1)[0])
    env.reset(seed=0)
    actions = sample_actions(env)
    record(env, actions[:3])
    duplicated = duplicate(env)
    assert duplicated.spec == env.spec
    assert_same(record(duplicated, actions[3:]), record(env, actions[3:]))


@pytest.mark.parametrize("env_id", ["mamlrl/Navigation2D-v0", "mamlrl/HalfCheetahCrippled-v0"])
@every_copy
def test_copies_draw_the_same_picture_on_their_own(env_id, duplicate):
    env = gymnasium.make_vec(env_id, num_envs=2, render_mode="rgb_array")
    env.reset(seed=0)
    record(env, sample_actions(env, 3))
    try:
        pictures = env.render()
    except RuntimeError:
        pytest.skip("MuJoCo has nothing here to draw with")
    duplicated = duplicate(env)
    assert_same(pictures, duplicated.render())
    duplicated.close()
    assert_same(pictures, env.render())
    env.close()


def test_pickles_are_read_by_a_process_that_has_made_no_environment(tmp_path):
    """The models name plugins of MuJoCo, which the module of the environment registers."""
    env = gymnasium.make_vec("mamlrl/AntParameters-v0", num_envs=2, family="gymnasium")
    env.reset(seed=0)
    (tmp_path / "env").write_bytes(pickle.dumps(env))
    program = (
        "import pickle, sys, numpy; env = pickle.load(open(sys.argv[1], 'rb'));"
        "print(env.step(numpy.zeros((2, 8)))[1].tolist())"
    )
    found = subprocess.run(
        [sys.executable, "-c", program, tmp_path / "env"], capture_output=True, text=True, check=True
    )
    assert found.stdout.strip() == str(env.step(np.zeros((2, 8)))[1].tolist())
