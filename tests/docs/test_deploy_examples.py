"""The examples of the README's section on deployment work as they stand there."""

import re
from pathlib import Path

import numpy as np
import pytest

TEXT = (Path(__file__).parents[2] / "README.md").read_text()
SECTION = re.search(r"^## Deploy$(.*?)^## ", f"{TEXT}\n## ", flags=re.MULTILINE | re.DOTALL)
BLOCKS = re.findall(r"```python\n(.*?)```", SECTION[1], flags=re.DOTALL) if SECTION else []


@pytest.mark.filterwarnings("ignore:.*earlier version")  # of published policies that are
def test_the_examples_run_one_after_the_other(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    names = {}
    for block in BLOCKS:
        exec(compile(block, "README.md", "exec"), names)
    policy, robot = names["policy"], names["robot"]
    assert policy.action_space.contains(names["action"])
    assert (tmp_path / "adapted.pt").is_file()
    assert len(names["recorder"].episodes) == 20
    assert robot.observation_space.shape == policy.observation_space.shape
    assert names["actions"].shape == (1, *policy.action_space.shape)
    assert names["prediction"] == pytest.approx(0.9, abs=0.5)
    assert np.isfinite(names["actions"]).all()
