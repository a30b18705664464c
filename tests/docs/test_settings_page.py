"""docs/settings.md is what the settings' types, defaults and docstrings say now."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from programs import TESTS

from mamlrl.experiments.build import KINDS
from mamlrl.experiments.plain import plain_experiment

PAGE = (Path(__file__).parents[2] / "docs" / "settings.md").read_text()
ROWS = [re.split(r"(?<!\\) \| ", line.strip("| ")) for line in PAGE.splitlines() if line.startswith("| `")]


def plain_leaves(values, prefix=""):
    for key, value in values.items():
        if isinstance(value, dict) and value:
            yield from plain_leaves(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value


def test_the_page_is_up_to_date():
    command = [sys.executable, "-m", "mamlrl.experiments.settings_page"]  # other tests register choices in here
    written = subprocess.run(command, capture_output=True, text=True, check=True, cwd=TESTS)
    assert written.stdout == PAGE, "run `make docs`"


@pytest.mark.parametrize("kind", ["policy", "supervised"])
def test_every_setting_of_a_kind_has_one_row_with_its_default(kind):
    rows = {key.strip("`"): default.strip("`") for key, kinds, _, default, _ in ROWS if kind in kinds.split(", ")}
    expected = dict(plain_leaves(plain_experiment(KINDS[kind]())))
    assert rows.keys() == expected.keys()
    for key, default in rows.items():
        value = yaml.safe_load(default)
        assert (float(value) if isinstance(expected[key], float) else value) == expected[key]
    assert len({(key, kinds) for key, kinds, *_ in ROWS}) == len(ROWS)


def test_rows_say_what_a_value_may_be_and_what_it_does():
    by_key = {key.strip("`"): rest for key, *rest in ROWS}
    assert all(explanation.endswith(".") for *_, explanation in ROWS)
    assert by_key["adaptation.estimator"][1] == "`maml`, `first_order`, `imaml`, `linearized_imaml`"
    assert by_key["sampling.unit"][1] == "`episodes`, `transitions`"
    assert by_key["sampling.groups"][1] == "whole number > 0"
    assert by_key["trust_region.curvature_fraction"][1] == "number > 0 and <= 1"
    assert by_key["evaluation.first_step_size"][1:3] == ["number >= 0, or null", "`null`"]
    assert by_key["policy.hidden_sizes"][1:3] == ["list; of each: whole number > 0", "`[100, 100]`"]


def test_what_kinds_share_is_written_once():
    kinds = {}
    for key, kind, *_ in ROWS:
        kinds.setdefault(key.strip("`"), []).append(kind)
    assert kinds["adaptation.steps"] == ["policy, supervised, classifier"]
    assert kinds["adaptation.loss"] == ["policy"]
    assert kinds["outer_optimizer"] == ["policy", "supervised, classifier"]  # with other choices
