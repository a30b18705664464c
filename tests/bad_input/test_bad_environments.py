"""Environments without tasks, or with spaces that no policy serves."""

from pathlib import Path

import numpy as np
import pytest
from fake_envs import PLANE, FakeEnv
from gymnasium.spaces import Box, Dict, Discrete, MultiBinary, MultiDiscrete


def test_an_environment_without_tasks(refused):
    Path("config.yaml").write_text("env:\n  id: CartPole-v1\n")
    words = ["env.id", "CartPole-v1", "not a task environment", "mamlrl/Navigation2D-v0"]
    refused("train", "--config=config.yaml", "--output=run", words=words)


@pytest.mark.parametrize(
    ("spaces", "words"),
    [
        ({"observations": Box(0, 255, (8, 8, 3), np.uint8)}, ["observations", "(8, 8, 3)", "flatten_space"]),
        ({"observations": Dict(position=PLANE)}, ["observations", "Dict", "flatten_space"]),
        ({"observations": Discrete(5)}, ["observations", "Discrete(5)", "flatten_space"]),
        ({"observations": Box(-1, 1, (0,), np.float64)}, ["observations", "(0,)"]),
        ({"actions": MultiDiscrete([2, 3])}, ["action", "MultiDiscrete([2 3])", "Box", "Discrete"]),
        ({"actions": MultiBinary(3)}, ["action", "MultiBinary(3)", "Box", "Discrete"]),
        ({"actions": Discrete(3, start=1)}, ["action", "Discrete(3, start=1)"]),
        ({"actions": Box(-1, 1, (2, 2), np.float64)}, ["action", "(2, 2)"]),
    ],
    ids=str,
)
def test_spaces_that_no_policy_serves(refused, register, spaces, words):
    options = register(type("OtherEnv", (FakeEnv,), spaces))
    refused("train", *options, "--iterations=1", "--output=run", words=words)
