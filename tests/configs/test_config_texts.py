"""What the texts of all configs promise: how to run them, and that they show what is particular about them."""

import re
from importlib import resources
from itertools import takewhile
from pathlib import Path

import pytest
import yaml

from mamlrl.experiments.build import KINDS
from mamlrl.experiments.command_line import load_config
from mamlrl.experiments.files import config_names, config_path, method_names
from mamlrl.experiments.plain import plain_experiment

NOTE = "# What is not stated is at its default: docs/settings.md"
WHAT_A_TASK_IS = ("kind", "env", "data")  # stated in full

every_config = pytest.mark.parametrize("name", config_names())


def text_of(name):
    return Path(config_path(name)).read_text()


def head_of(name):
    """The comment that a config begins with, line by line."""
    return list(takewhile(lambda line: line.startswith("#"), text_of(name).splitlines()))


def commands_in(lines):
    return [line.removeprefix("#     ") for line in lines if line.startswith("#     mamlrl ")]


def leaves(node, prefix=""):
    """Dotted key, value and line of all values of a YAML document."""
    for key, value in node.value:
        name = f"{prefix}{key.value}"
        if isinstance(value, yaml.MappingNode):
            yield from leaves(value, f"{name}.")
        else:
            yield name, yaml.safe_load(yaml.serialize(value)), key.start_mark.line


def find(values, key):
    for part in key.split("."):
        values = values[part]
    return values


def test_every_name_is_unique():
    files = Path(str(resources.files("mamlrl.configs"))).glob("*/*.yaml")
    names = [file.stem for file in files if file.parent.name != "reproduce"]
    assert sorted(names) == sorted([*config_names(), *method_names()])
    assert len(names) > 30


@every_config
def test_a_config_states_its_kind(name):
    assert yaml.safe_load(text_of(name))["kind"] == load_config(name).kind


@every_config
def test_a_config_begins_with_the_command_that_runs_it_and_ends_with_where_the_rest_is(name):
    assert commands_in(head_of(name))[-1] == f"mamlrl train --config {name} --output runs/{name}"
    assert head_of(name)[-1].startswith("#     mamlrl train")
    assert text_of(name).endswith(f"\n{NOTE}\n")


@every_config
def test_what_equals_the_default_is_stated_only_with_a_reason(name):
    default = plain_experiment(KINDS[load_config(name).kind]())
    lines = text_of(name).splitlines()
    for key, value, line in leaves(yaml.compose(text_of(name))):
        if key.split(".")[0] not in WHAT_A_TASK_IS and value == find(default, key):
            assert re.search(r"  # .", lines[line]), f"{key}: no comment says why the default is stated"


@pytest.mark.parametrize("name", method_names())
def test_an_overlay_begins_with_a_command_that_lays_it_over_a_config(name):
    command, *_ = commands_in(head_of(name))  # others may say how to evaluate it
    below, above = re.findall(r"--config (\S+)", command)
    assert (below in config_names(), above) == (True, name)
    assert load_config(below, [f"--config={above}"]) is not None
