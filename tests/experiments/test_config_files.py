"""Config files: found by name or path, checked, and asked for their kind."""

import dataclasses
from pathlib import Path

import pytest
import yaml

from mamlrl.errors import UserError
from mamlrl.experiments.build import KINDS
from mamlrl.experiments.command_line import load_config
from mamlrl.experiments.files import check_keys, config_names, config_path, method_names, stated_kind
from mamlrl.experiments.plain import plain_experiment
from mamlrl.experiments.policy import PolicyExperiment
from mamlrl.experiments.supervised import SupervisedExperiment

every_config = pytest.mark.parametrize("name", config_names())


def subset(part, whole):
    return all(subset(v, whole[k]) if isinstance(v, dict) else v == whole[k] for k, v in part.items())


def written(path, text):
    path.write_text(text)
    return str(path)


@every_config
def test_shipped_config_loads_and_says_what_it_holds(name):
    config = load_config(name)
    assert type(config) is KINDS[config.kind]
    stated = yaml.safe_load(Path(config_path(name)).read_text())
    assert subset(stated, plain_experiment(config))


@every_config
def test_shipped_config_loads_by_path(name):
    assert load_config(config_path(name)) == load_config(name)


@every_config
def test_the_kind_that_a_shipped_config_states_is_its_own(name):
    assert stated_kind(name) == stated_kind(config_path(name)) == load_config(name).kind


def test_experiments_of_both_kinds_are_shipped():
    assert {"navigation2d", "sinusoid"} <= set(config_names())


def test_overlays_are_no_configs():
    assert {"maml", "promp"} <= set(method_names())
    assert not set(method_names()) & set(config_names())
    kinds = {name: stated_kind(name) for name in method_names()}
    assert {name: kind for name, kind in kinds.items() if kind} == {"pretrained_classes": "classifier"}


def test_a_name_that_there_is_not_is_answered_with_those_that_there_are():
    with pytest.raises(ValueError, match=r"^no config named navigation3d, nor a file; .*navigation2d") as raised:
        config_path("navigation3d")
    configs, methods = str(raised.value).split("; to lay over one of them: ")
    assert configs.endswith(f"the shipped configs are: {', '.join(config_names())}")
    assert methods == ", ".join(method_names())


def test_a_folder_is_no_config(tmp_path):
    with pytest.raises(ValueError, match=f"^no config named {tmp_path}, nor a file"):
        config_path(str(tmp_path))


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("kind: supervised\nseed: 3\n", "supervised"),
        ("seed: 3\nkind: 'policy'\n", "policy"),
        ("kind: my_module:kind\n", "my_module:kind"),
        ("seed: 3\n", None),
        ("env: {kwargs: {kind: policy}}\n", None),
        ("kind: [policy]\n", None),
        ("kind: {policy: 3}\n", None),
        ("? [kind]\n: policy\n", None),
        ("- kind\n", None),
        ("kind\n", None),
        ("", None),
        ("kind: [\n", None),
        ("kind: policy\nenv: &a {kwargs: *a}\n", "policy"),
    ],
)
def test_the_kind_is_read_without_the_rest(tmp_path, text, kind):
    assert stated_kind(written(tmp_path / "config.yaml", text)) == kind


@pytest.mark.parametrize("content", [b"\xff\xfe", b"kind: caf\xe9"])
def test_what_is_no_text_states_no_kind(tmp_path, content):
    (tmp_path / "config.yaml").write_bytes(content)
    assert stated_kind(str(tmp_path / "config.yaml")) is None
    assert stated_kind(str(tmp_path / "none.yaml")) is None


def test_a_yaml_may_hold_a_part_of_the_config(tmp_path):
    default = PolicyExperiment()
    config = load_config(written(tmp_path / "part.yaml", "trust_region:\n  max_kl: 0.05\nseed: 3\n"))
    trust_region = dataclasses.replace(default.trust_region, max_kl=0.05)
    assert config == dataclasses.replace(default, seed=3, trust_region=trust_region)


def test_a_yaml_of_another_kind_may_hold_a_part_of_the_config(tmp_path):
    default = SupervisedExperiment()
    config = load_config(written(tmp_path / "part.yaml", "data:\n  shots: 7\nseed: 3\nkind: supervised\n"))
    assert config == dataclasses.replace(default, seed=3, data=dataclasses.replace(default.data, shots=7))


def test_keys_of_the_same_name_may_stand_in_different_parts(tmp_path):
    text = "seed: 1\nevaluation: {seed: 2}\nenv: {kwargs: {seed: 3, a: [{seed: 4}, {seed: 5}]}}\n"
    path = written(tmp_path / "seeds.yaml", text)
    check_keys(path)
    config = load_config(path)
    assert (config.seed, config.evaluation.seed) == (1, 2)
    assert config.env.kwargs == {"seed": 3, "a": [{"seed": 4}, {"seed": 5}]}


def test_an_alias_may_stand_for_a_part(tmp_path):
    path = written(tmp_path / "alias.yaml", "env:\n  kwargs:\n    a: &part {b: 1}\n    c: [*part, *part]\n")
    assert load_config(path).env.kwargs == {"a": {"b": 1}, "c": [{"b": 1}, {"b": 1}]}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("seed: 1\nseed: 2\n", "line 2 gives seed again, after line 1; keep one of them"),
        ("a: {b: 1}\na.b: 2\n", "line 2 gives a.b again, after line 1"),
        ("a: [{b: 1}, {b: 1, b: 2}]\n", "line 1 gives a.1.b again, after line 1"),
        ("", "the file is empty"),
        ("# a comment\n", "the file is empty"),
        ("a: &b {c: *b}\n", "an alias stands for a part that contains it"),
        ("a: [1, 2\n", r"(?s)line 2, column 1"),
    ],
)
def test_what_a_parser_passes_over_in_silence_is_refused(tmp_path, text, message):
    with pytest.raises(ValueError, match=message):
        check_keys(written(tmp_path / "config.yaml", text))


@pytest.mark.parametrize("kind", ["policy", "supervised"])
def test_an_unknown_file_is_named(kind):
    with pytest.raises(UserError, match=r"^config none\.yaml: no config named none\.yaml, nor a file"):
        load_config("none.yaml", [f"--kind={kind}"])
