"""More than the memory holds."""

import pytest
from programs import ONE


@pytest.mark.parametrize(
    ("option", "words"),
    [
        ("--env.kwargs.horizon=1000000000", ["mamlrl/Navigation2D-v0", "6 episodes", "MemoryError", "GiB"]),
        (f"--env.kwargs.horizon={10**14}", ["env.kwargs", "horizon must be a whole number of at most 1000000000"]),
        ("--meta_batch_size=1000000000", ["meta_batch_size", "memory"]),
        ("--sampling.episodes_per_task=1000000000", ["episodes_per_task", "memory"]),
        ("--policy.hidden_sizes=[1000000000]", ["policy.hidden_sizes", "memory"]),
    ],
)
def test_what_does_not_fit_in_memory(stopped, option, words):
    stopped(*ONE, option, "--output=run", words=words)
