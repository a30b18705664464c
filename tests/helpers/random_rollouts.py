"""Random episodes of many tasks, of random lengths."""

import torch

from mamlrl.sampling.rollouts import Rollouts

TASKS, EPISODES, TIME, SIZE, ACTIONS = 4, 5, 12, 3, 2
NO_NOISE = torch.zeros(TASKS, dtype=torch.float64)


def normal(*shape, seed=0, dtype=torch.float64):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=dtype)


def make_mask(seed=0):
    """Random lengths; task 0 is full, episode 1 of task 1 is left out altogether."""
    lengths = torch.randint(1, TIME + 1, (TASKS, EPISODES, 1), generator=torch.Generator().manual_seed(seed))
    lengths[0] = TIME
    lengths[1, 1] = 0
    return (torch.arange(TIME) < lengths).double()


def make_rollouts(dtype=torch.float64):
    mask = make_mask()
    return Rollouts(
        observations=normal(TASKS, EPISODES, TIME, SIZE, seed=1, dtype=dtype),
        actions=normal(TASKS, EPISODES, TIME, ACTIONS, seed=2, dtype=dtype),
        rewards=normal(TASKS, EPISODES, TIME, seed=3) * mask,
        mask=mask,
        outputs=normal(TASKS, EPISODES, TIME, 2 * ACTIONS, seed=4, dtype=dtype),
        last_observations=normal(TASKS, EPISODES, SIZE, seed=5, dtype=dtype),
    )
