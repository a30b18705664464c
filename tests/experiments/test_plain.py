"""Experiments as plain values, and back."""

import dataclasses
import json
import re

import pytest
import yaml

from mamlrl.errors import UserError
from mamlrl.experiments.command_line import load_config
from mamlrl.experiments.plain import plain_experiment, restore_experiment
from mamlrl.experiments.policy import PolicyExperiment
from mamlrl.experiments.supervised import SupervisedExperiment


def plain_types(value):
    """The types of all values in nested dicts and lists."""
    yield type(value)
    if isinstance(value, dict):
        for key, item in value.items():
            yield type(key)
            yield from plain_types(item)
    elif isinstance(value, list):
        for item in value:
            yield from plain_types(item)


SOME_EXPERIMENTS = [
    PolicyExperiment(),
    load_config("navigation2d"),
    load_config(
        "navigation2d", ['--env.kwargs={"a": [1, 2.5, null, {"b": true}], "c": "x"}', "--policy.hidden_sizes=[]"]
    ),
    load_config(
        "navigation2d", ["--evaluation.first_step_size=0.3", "--adaptation.step_size=0", "--seed=123456789"]
    ),
    load_config("navigation2d", ["--env.wrappers=[task_observation]", "--outer_optimizer=promp"]),
    SupervisedExperiment(),
    load_config("sinusoid", ["--network.hidden_sizes=[]", "--compile=true", "--data.folder=null"]),
    load_config("strokes_imaml", ["--data.folder=somewhere", "--evaluation.shots=3"]),
]

some_experiments = pytest.mark.parametrize("experiment", SOME_EXPERIMENTS, ids=range(len(SOME_EXPERIMENTS)))


@some_experiments
def test_a_plain_experiment_restores_to_the_same(experiment):
    restored = restore_experiment(plain_experiment(experiment))
    assert restored == experiment
    assert type(restored) is type(experiment)
    network = restored.policy if isinstance(restored, PolicyExperiment) else restored.network
    assert isinstance(network.hidden_sizes, tuple)
    assert restore_experiment(json.loads(json.dumps(plain_experiment(experiment)))) == experiment
    assert restore_experiment(yaml.safe_load(yaml.safe_dump(plain_experiment(experiment)))) == experiment


@some_experiments
def test_a_plain_experiment_holds_builtin_types_only(experiment):
    plain = plain_experiment(experiment)
    assert set(plain_types(plain)) <= {dict, list, str, int, float, bool, type(None)}
    assert [field.name for field in dataclasses.fields(experiment)] == list(plain)
    assert plain["kind"] == experiment.kind


@some_experiments
def test_restoring_leaves_the_values_as_they_are(experiment):
    plain = plain_experiment(experiment)
    restore_experiment(plain)
    assert plain == plain_experiment(experiment)


@pytest.mark.parametrize(
    "values",
    [
        {"meta_batch_size": 0},
        {"meta_batch_size": None},
        {"seed": "abc"},
        {"seed": 1.5},
        {"seed": True},
        {"device": 3},
        {"nonsense": 1},
        {"trust_region": {"max_kll": 1}},
        {"trust_region": {"max_kl": float("nan")}},
        {"trust_region": {"max_kl": None}},
        {"trust_region": 3},
        {"trust_region": [1]},
        {"trust_region": None},
        {"policy": {"hidden_sizes": None}},
        {"policy": {"hidden_sizes": [8, None]}},
        {"env": {"kwargs": None}},
        {3: 4},
        "text",
        [1],
        3,
        None,
        {"kind": "nonsense"},
        {"kind": None},
        {"kind": 3},
        {"kind": ["policy"]},
        {"kind": "no_such_module:kind"},
        {"kind": "policy", "data": {"shots": 3}},
        {"kind": "supervised", "env": {"id": "x"}},
        {"kind": "supervised", "network": {"hidden_sizes": 3}},
        {"kind": "supervised", "outer_optimizer": "promp"},
        {"data": {"dataset": "none"}, "evaluation": 3},
        {"data": {"dataset": "sinusoid"}, "evaluation": None},
        {"data": {"dataset": "sinusoid"}, "policy": 3},
        {"data": {"dataset": ["sinusoid"]}},
        {"data": 3},
    ],
    ids=str,
)
def test_what_is_not_an_experiment_is_not_restored(values):
    with pytest.raises(UserError) as raised:
        restore_experiment(values)
    assert not re.search(r"\n|Not of type|<class|typing|restriction|object", str(raised.value))
