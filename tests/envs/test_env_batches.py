"""Sub-environments of a batch are independent, and share no memory with the caller."""

import numpy as np
from env_cases import (
    BANDIT,
    NUM_ENVS,
    assert_same,
    every_case,
    every_family,
    make_batch,
    make_single,
    mask_of,
    record,
    sample_actions,
    some_tasks,
)

from mamlrl.envs.locomotion.locomotion_env import LocomotionVectorEnv


@every_case
def test_returned_arrays_share_no_memory(case):
    env = make_batch(case)
    returned = [env.reset(seed=0)[0]]
    for actions in sample_actions(env, 4):
        returned += [part for part in env.step(actions) if isinstance(part, np.ndarray)]
    returned.append(env.reset()[0])
    for index, array in enumerate(returned):
        assert not any(np.shares_memory(array, other) for other in returned[index + 1 :])


@every_case
def test_overwriting_what_the_environment_returned_or_took_changes_nothing(case):
    env, twin = make_batch(case), make_batch(case)
    actions = sample_actions(env)
    untouched = [env.reset(seed=0)[0], *record(env, actions)]
    replay = [twin.reset(seed=0)[0].copy()]
    steps = []
    for action in actions:
        passed = action.copy()
        returned = twin.step(passed)[:4]
        np.testing.assert_array_equal(passed, action)
        steps.append([part.copy() for part in returned])
        for part in returned:
            part[...] = 1
        passed[...] = 0
    replay += [np.array(parts) for parts in zip(*steps, strict=True)]
    assert_same(untouched, replay)


def simulated_states(env):
    """States of all bodies, None where there are none."""
    if not isinstance(env, LocomotionVectorEnv):
        return None
    return env.simulator.positions.copy(), env.simulator.velocities.copy()


def start_in(single, states, index):
    """Lets the episodes of a single environment begin in one of the states."""
    if states is not None:
        state = tuple(part[[index]] for part in states)
        single.vector_env.body.sample_states = lambda rng, number: state


def drawn_beforehand(env):
    """What bandits and tabular MDPs draw for all steps of the episodes that begin, shape (sub-env, step)."""
    return {name: vars(env)[name] for name in ("_thresholds", "_noise") if name in vars(env)}


@every_family
def test_batch_equals_the_same_episodes_run_one_by_one(case):
    env = make_batch(case)
    tasks = some_tasks(env, 3)
    env.set_tasks(tasks)
    start, _ = env.reset(seed=0)
    states, actions = simulated_states(env), sample_actions(env)
    batch = record(env, actions)
    for index in range(NUM_ENVS):
        single = make_single(case)
        single.set_task(tasks[index // 2])
        start_in(single, states, index)
        np.testing.assert_array_equal(single.reset(seed=0)[0], start[index])
        for name, drawn in drawn_beforehand(env).items():
            setattr(single.vector_env, name, drawn[[index]])
        alone = record(single, [action[index] for action in actions])
        for one, all_of_them in zip(alone, batch, strict=True):
            np.testing.assert_allclose(one, all_of_them[:, index], rtol=1e-12, atol=1e-12)


@every_family
def test_batch_of_one_equals_the_single_env(case):
    env, single = make_batch(case, num_envs=1), make_single(case)
    start, _ = env.reset(seed=3)
    single_start, _ = single.reset(seed=3)
    np.testing.assert_array_equal(start[0], single_start)
    actions = sample_actions(env)
    batch, alone = record(env, actions), record(single, [action[0] for action in actions])
    assert_same([part[:, 0] for part in batch], alone)


@every_case
def test_sub_environments_do_not_influence_one_another(case):
    env, twin = make_batch(case), make_batch(case)
    actions, others = sample_actions(env, seed=0), sample_actions(env, seed=1)
    kept = mask_of(0, 3)
    for other, action in zip(others, actions, strict=True):
        other[kept] = action[kept]
    env.reset(seed=0)
    twin.reset(seed=0)
    first, second = record(env, actions), record(twin, others)
    assert_same([part[:, kept] for part in first], [part[:, kept] for part in second])
    changed = 1 if case.id == BANDIT else 0  # rewards, since a bandit observes nothing
    assert not np.array_equal(first[changed][:, ~kept], second[changed][:, ~kept])
