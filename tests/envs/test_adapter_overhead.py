"""What the adapter of ordinary environments costs, beside Gymnasium's own vector environment.

Functions called are counted, which do not depend on what else a machine does, as seconds would.
"""

import cProfile
import pstats

import gymnasium
import numpy as np
from gymnasium.vector import AutoresetMode, SyncVectorEnv

from mamlrl.envs.gymnasium_adapter import family_of_id

NUM_TASKS, NUM_ENVS, STEPS = 4, 80, 8  # no pole falls that early


def calls(env, seeds, tasks=None):
    """Returns how many functions are called as episodes begin, of new tasks if there are any."""
    with cProfile.Profile() as profile:
        if tasks is not None:
            env.set_tasks(tasks)
        env.reset(seed=list(range(seeds)))
        for step in range(STEPS):
            _, _, terminated, _, _ = env.step(np.full(NUM_ENVS, step % 2))
    assert not terminated.any()
    return pstats.Stats(profile).total_calls


def test_the_adapter_adds_at_most_15_percent_to_a_bare_loop_over_cart_poles():
    makers = [lambda: gymnasium.make("CartPole-v1", disable_env_checker=True)] * NUM_ENVS
    bare = SyncVectorEnv(makers, autoreset_mode=AutoresetMode.DISABLED)
    tasks = {"length, polemass_length": {"scale": {"uniform": [0.5, 2.0]}}, "force_mag": {"choice": [-10, 10]}}
    adapter = family_of_id("CartPole-v1")(NUM_ENVS, tasks=tasks)
    drawn = adapter.sample_tasks(np.random.default_rng(0), NUM_TASKS)
    calls(adapter, NUM_TASKS)  # makes the environments
    bare_calls = calls(bare, NUM_ENVS)
    assert calls(adapter, NUM_TASKS) < 1.15 * bare_calls
    assert calls(adapter, NUM_TASKS, drawn) < 1.4 * bare_calls  # the bare loop has no tasks to set
