"""What docs/extending.md says about modules, objects and callbacks works as it stands there."""

import re
import sys
from pathlib import Path

import pytest
from programs import TINY, run

import mamlrl
from mamlrl.networks.build import ARCHITECTURES
from mamlrl.runs.metrics_file import read_metrics

TEXT = (Path(__file__).parents[2] / "docs" / "extending.md").read_text()


def examples(heading):
    """Blocks of Python in a section."""
    section = TEXT.partition(f"## {heading}\n")[2].partition("\n## ")[0]
    return re.findall(r"```python\n(.*?)```", section, flags=re.DOTALL)


def test_a_policy_from_a_module_trains_and_is_evaluated(tmp_path, monkeypatch):
    monkeypatch.setattr(ARCHITECTURES, "_entries", dict(ARCHITECTURES))
    (example,) = examples("A policy from a PyTorch module")
    (tmp_path / "my_policies.py").write_text(example)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.chdir(tmp_path)
    assert "--policy.architecture my_policies:normed" in TEXT
    try:
        options = ["--policy.architecture=my_policies:normed", "--iterations=1", "--output=run"]
        assert run("train", *TINY, *options) == 0
        assert run("evaluate", "run") == 0
    finally:
        sys.modules.pop("my_policies", None)


@pytest.mark.parametrize(
    ("heading", "folder"),
    [
        ("An ordinary environment of Gymnasium", "pendulum"),
        ("Objects in place of names", "module"),
        ("A callback", "good_enough"),
    ],
)
def test_an_example_runs(tmp_path, monkeypatch, heading, folder):
    monkeypatch.chdir(tmp_path)
    (example,) = examples(heading)
    names = {}
    exec(example, names)
    assert read_metrics(Path("runs") / folder / "metrics.csv")
    if heading == "Objects in place of names":
        assert isinstance(names["policy"], mamlrl.AdaptivePolicy)


def test_every_function_that_registers_is_on_the_page():
    registering = [name for name in mamlrl.__all__ if name.startswith("register_")]
    assert len(registering) == 8
    assert all(f"`{name}`" in TEXT or f"{name}(" in TEXT for name in registering)
