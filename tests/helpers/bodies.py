"""Batches of simulated bodies, with one thread each."""

import gymnasium

STEPS = 1000
SEEDS = 3


def make(env_id, num_envs=SEEDS, **kwargs):
    return gymnasium.make_vec(env_id, num_envs=num_envs, **{"horizon": STEPS, "num_threads": 1, **kwargs})
