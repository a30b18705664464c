"""Experiments as they were written before there were kinds: one dataclass held the settings of both."""

from copy import deepcopy
from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from mamlrl.errors import UserError
from mamlrl.experiments.command_line import load_config
from mamlrl.experiments.files import stated_kind
from mamlrl.experiments.old_formats import is_old, with_kind
from mamlrl.experiments.plain import plain_experiment, restore_experiment
from mamlrl.experiments.policy import PolicyExperiment
from mamlrl.experiments.supervised import SupervisedExperiment
from mamlrl.runs.checkpoints import load_checkpoint

RESULTS = Path(__file__).parents[2] / "docs" / "results"

ADAPTATION = {
    "estimator": "imaml",
    "steps": 2,
    "gradient_steps": 4,
    "step_size": 0.3,
    "learned_step_size": "none",
    "adapted": "biases",
    "loss": "likelihood_ratio",
    "proximal": {
        "weight": 3.0,
        "learned": True,
        "optimizer": "line_search",
        "curvature": "fisher",
        "cg_iterations": 6,
        "cg_tolerance": 1e-5,
        "damping": 0.25,
    },
}
DATA = {"dataset": "none", "folder": None, "ways": 5, "shots": 1, "queries": 15, "validation_tasks": 100}
OLD = {  # every key of the time; none of the values that both kinds have is at its default
    "env": {"id": "mamlrl/AntGoal-v0", "kwargs": {"family": "rllab", "horizon": 200}},
    "data": DATA,
    "policy": {
        "hidden_sizes": [30, 20],
        "activation": "tanh",
        "initial_std": 0.5,
        "min_std": 0.4,
        "context_size": 3,
    },
    "sampling": {
        "episodes_per_task": 21,
        "unit": "transitions",
        "rescale_actions": False,
        "action_bound": 4.0,
        "groups": 2,
    },
    "advantages": {"discount": 0.98, "gae_lambda": 0.95, "standardize": False, "ridge": 1e-4},
    "adaptation": ADAPTATION,
    "outer_optimizer": "adam",
    "trust_region": {
        "max_kl": 0.05,
        "cg_iterations": 4,
        "cg_tolerance": 1e-9,
        "damping": 1e-4,
        "line_search_steps": 11,
        "line_search_decay": 0.7,
        "curvature_fraction": 0.2,
    },
    "adam": {"learning_rate": 0.002},
    "promp": {"epochs": 6, "clip": 0.2, "inner_kl_weight": 0.001},
    "evaluation": {
        "steps": 4,
        "tasks": 41,
        "episodes_per_task": 22,
        "shots": 0,
        "queries": 0,
        "first_step_size": None,
        "later_step_factor": 0.6,
        "seed": 7,
    },
    "meta_batch_size": 42,
    "iterations": 240,
    "save_every": 10,
    "seed": 5,
    "device": "cuda",
    "compile": False,
}
OLD_SUPERVISED = {
    **OLD,
    "data": {
        "dataset": "omniglot",
        "folder": "data/omniglot",
        "ways": 20,
        "shots": 2,
        "queries": 10,
        "validation_tasks": 50,
    },
    "evaluation": {**OLD["evaluation"], "shots": 3, "queries": 12},
    "compile": True,
}
SHARED_KEYS = ("outer_optimizer", "adam", "meta_batch_size", "iterations", "save_every", "seed", "device")
SHARED = {key: OLD[key] for key in SHARED_KEYS}


def without(values, *keys):
    return {key: value for key, value in values.items() if key not in keys}


def test_what_had_no_data_set_is_of_policies():
    assert with_kind(OLD) == {
        "kind": "policy",
        **without(OLD, "data", "compile"),
        "evaluation": without(OLD["evaluation"], "shots", "queries"),
    }


def test_what_had_a_data_set_is_supervised():
    assert with_kind(OLD_SUPERVISED) == {
        "kind": "supervised",
        **SHARED,
        "data": OLD_SUPERVISED["data"],
        "network": without(OLD["policy"], "initial_std", "min_std"),
        "adaptation": without(ADAPTATION, "loss"),
        "evaluation": without(OLD_SUPERVISED["evaluation"], "episodes_per_task"),
        "compile": True,
    }


@pytest.mark.parametrize("values", [OLD, OLD_SUPERVISED], ids=["policy", "supervised"])
def test_all_that_it_says_is_restored(values):
    experiment = restore_experiment(values)
    assert type(experiment) is (PolicyExperiment if values is OLD else SupervisedExperiment)
    plain = plain_experiment(experiment)
    assert plain.pop("precision") == "highest"
    assert plain.pop("checkpoint_every") is None  # what has come since is as the code was then
    assert plain["adaptation"]["proximal"].pop("implicitness") == 0.5
    if values is OLD_SUPERVISED:
        assert plain["network"].pop("images") == "convolutional"
        assert plain["data"].pop("task_inputs") is False
    if values is OLD:
        assert plain.pop("exploration_weight") == 0
        assert plain["policy"].pop("architecture") == "mlp"
        assert plain["env"].pop("wrappers") == []
        assert plain["env"].pop("tasks") == {}
        assert plain["env"].pop("workers") == 0
        assert plain["advantages"].pop("value_baseline") == "linear"
        assert plain["evaluation"].pop("adaptation_episodes") == 0
        assert plain["evaluation"].pop("every") == 0
        assert plain["evaluation"].pop("validation_tasks") == 20
        assert plain["advantages"].pop("bootstrap_at_time_limits") is False
        assert (
            plain["env"].pop("test_tasks")
            == plain["env"].pop("validation_tasks")
            == plain["env"].pop("info")
            == {}
        )
        assert plain["sampling"].pop("normalize_observations") is False
        assert plain["sampling"].pop("compile") is False
        assert plain["evaluation"].pop("deterministic") is False
    assert plain == with_kind(values)


@pytest.mark.parametrize("values", [OLD, OLD_SUPERVISED], ids=["policy", "supervised"])
def test_the_values_are_left_as_they_are(values):
    before = deepcopy(values)
    with_kind(values)
    restore_experiment(values)
    assert values == before


@pytest.mark.parametrize("name", ["navigation2d", "sinusoid"])
def test_what_has_a_kind_stays_as_it_is(name):
    plain = plain_experiment(load_config(name))
    assert with_kind(plain) == plain
    of_somebody = {"kind": "my_module:kind", "data": {"dataset": "sinusoid"}}
    assert with_kind(of_somebody) == of_somebody


def test_before_there_were_data_sets_all_was_of_policies():
    older = without(OLD, "data", "compile", "save_every", "outer_optimizer", "adam", "promp")
    older = {**older, "evaluation": without(OLD["evaluation"], "shots", "queries")}
    assert with_kind(older) == {"kind": "policy", **older}
    config = restore_experiment(older)
    assert (config.outer_optimizer, config.save_every, config.env.id) == ("trust_region", 1, "mamlrl/AntGoal-v0")


def test_data_of_which_the_set_is_not_said_were_none():
    assert with_kind({"data": {"ways": 5}, "seed": 3}) == {"kind": "policy", "seed": 3}


@pytest.mark.parametrize("name", ["navigation2d", "sinusoid", "strokes_imaml"])
def test_a_config_of_today_written_in_the_old_way_is_the_same(name):
    config = load_config(name)
    plain = without(plain_experiment(config), "kind")
    if isinstance(config, SupervisedExperiment):
        plain["policy"] = {**plain.pop("network"), "initial_std": 1.0, "min_std": 1e-6}
        plain = {**OLD, **plain, "adaptation": {**plain["adaptation"], "loss": "reinforce"}}
    else:
        plain = {**plain, "data": DATA, "compile": False}
    assert restore_experiment(plain) == config


@pytest.mark.parametrize("values", [OLD, OLD_SUPERVISED], ids=["policy", "supervised"])
def test_a_whole_config_as_it_was_can_be_given_on_the_command_line(values, tmp_path):
    path = tmp_path / "config.yaml"
    path.write_text(yaml.safe_dump(values))
    expected = restore_experiment(values)
    assert stated_kind(str(path)) == expected.kind
    assert load_config(path) == expected
    assert load_config(path, ["--seed=8"]) == replace(expected, seed=8)
    assert load_config(path, ["--config=first_order"]).adaptation.estimator == "first_order"


def test_a_part_of_a_config_is_not_taken_for_an_old_one(tmp_path):
    path = tmp_path / "part.yaml"
    path.write_text("data: {shots: 7}\nseed: 3\n")
    assert stated_kind(str(path)) is None
    assert load_config("sinusoid", [f"--config={path}"]).data.shots == 7
    with pytest.raises(UserError, match=r"data\.shots is a setting of experiments of kind supervised"):
        load_config(path)
    assert not is_old({**OLD, "kind": "policy"})
    assert not is_old([OLD])


@pytest.mark.parametrize("path", sorted(RESULTS.glob("*/config.yaml")), ids=lambda path: path.parent.name)
def test_the_config_of_a_published_run_is_that_of_its_checkpoint(path):
    config = restore_experiment(yaml.safe_load(path.read_text()))
    assert config in [load_checkpoint(each)[0] for each in path.parent.glob("*.pt")]
