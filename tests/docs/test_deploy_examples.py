"""The examples of the page on deployment, and of the README's section, work as they stand there."""

import re
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).parents[2]


def blocks(page):
    """The Python examples of a page."""
    return re.findall(r"```python\n(.*?)```", (ROOT / page).read_text(), flags=re.DOTALL)


@pytest.mark.filterwarnings("ignore:.*earlier version")  # of published policies that are
def test_the_examples_run_one_after_the_other(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    names = {}
    for block in blocks("docs/deployment.md"):
        exec(compile(block, "docs/deployment.md", "exec"), names)
    policy, robot = names["policy"], names["robot"]
    assert policy.action_space.contains(names["action"])
    assert (tmp_path / "adapted.pt").is_file()
    assert len(names["recorder"].episodes) == 20
    assert robot.observation_space.shape == policy.observation_space.shape
    assert names["actions"].shape == (1, *policy.action_space.shape)
    assert names["prediction"] == pytest.approx(0.9, abs=0.5)
    assert np.isfinite(names["actions"]).all()


def test_the_example_of_the_readme_is_the_beginning_of_the_page():
    lines = blocks("docs/deployment.md")[0].splitlines()
    (example,) = (block for block in blocks("README.md") if "robot" in block)
    assert [line for line in lines if line in example.splitlines()] == example.splitlines()
