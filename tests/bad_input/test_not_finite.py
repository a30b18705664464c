"""Numbers that are not finite stop a run, which can be resumed."""

import json
import re
from pathlib import Path

import numpy as np
import pytest
import torch
from fake_envs import FakeEnv
from programs import deterministic_rows, run

from mamlrl.randomness import Randomness
from mamlrl.runs.checkpoints import load_checkpoint
from mamlrl.runs.saved import latest_checkpoint


class BreakingEnv(FakeEnv):
    """Returns a number that is not finite from the third meta-iteration on, for task 1, episode 2."""

    what, value = "reward", np.nan
    broken_after = 4  # resets: two rollouts an iteration

    def _advance(self, actions, running):
        rewards, terminated = super()._advance(actions, running)
        if self.what == "reward" and self.resets > self.broken_after:
            rewards[5] = self.value
        return rewards, terminated

    def _observe(self):
        points = super()._observe()
        if self.what == "observation" and self.resets > self.broken_after:
            points[5, 0] = self.value
        return points


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("what", ["reward", "observation"])
def test_numbers_that_are_not_finite(register, stopped, monkeypatch, what, value):
    options = [*register(BreakingEnv), "--iterations=4"]
    monkeypatch.setattr(BreakingEnv, "what", what)
    monkeypatch.setattr(BreakingEnv, "value", value)
    words = [
        "iteration 3",
        "environment fake/Fake-v0",
        f"{what} of task 1 (parameters [",
        "episode 2",
        "not finite",
    ]
    stopped(*options, "--output=broken", words=words)
    assert load_checkpoint(latest_checkpoint(Path("broken")))[1]["iteration"] == 2
    assert list(Path("broken").rglob("*.tmp")) == []

    monkeypatch.setattr(BreakingEnv, "broken_after", np.inf)
    assert run("train", *options, "--output=whole") == 0
    assert run("train", "--output=broken", "--resume") == 0
    assert deterministic_rows(Path("broken")) == deterministic_rows(Path("whole"))


def test_the_task_that_is_named_is_the_one(register, capsys):
    options = [*register(BreakingEnv), "--iterations=4"]
    assert run("train", *options, "--output=broken") == 2
    named = json.loads(re.search(r"task 1 \(parameters (\[.*?\])\)", capsys.readouterr().err)[1])
    experiment, state = load_checkpoint(latest_checkpoint(Path("broken")))
    randomness = Randomness.from_seed(experiment.seed, torch.device("cpu"))
    randomness.begin(state["iteration"])
    assert FakeEnv(6).sample_tasks(randomness.rng, 2)[1].tolist() == named


def test_numbers_that_are_not_finite_in_an_evaluation(register, refused, monkeypatch):
    options = register(BreakingEnv)
    assert run("train", *options, "--iterations=2", "--output=run") == 0
    monkeypatch.setattr(BreakingEnv, "broken_after", 1)
    monkeypatch.setattr(BreakingEnv, "what", "observation")
    words = ["environment fake/Fake-v0", "observation of task 2 (parameters [", "episode 1", "not finite"]
    refused("evaluate", "run", "--json=e.json", words=words)
