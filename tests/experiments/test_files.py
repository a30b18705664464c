import dataclasses
import json
from pathlib import Path

import pytest
import yaml

from mamlrl.adaptation.build import AdaptationConfig
from mamlrl.errors import UserError
from mamlrl.experiments.command_line import load_config
from mamlrl.experiments.files import check_keys, config_names, config_path, set_config_defaults
from mamlrl.experiments.parser import build_experiment, experiment_parser, parse
from mamlrl.experiments.plain import plain_experiment, restore_experiment
from mamlrl.experiments.policy import PolicyExperiment
from mamlrl.networks.build import PolicyConfig
from mamlrl.sampling.build import EnvConfig


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


def subset(part, whole):
    return all(subset(v, whole[k]) if isinstance(v, dict) else v == whole[k] for k, v in part.items())


@pytest.mark.parametrize("name", config_names())
def test_shipped_config_loads_and_says_what_it_holds(name):
    config = load_config(name)
    assert isinstance(config, PolicyExperiment)
    stated = yaml.safe_load(Path(config_path(name)).read_text())
    assert subset(stated, plain_experiment(config))


@pytest.mark.parametrize("name", config_names())
def test_shipped_config_loads_by_path(name):
    assert load_config(config_path(name)) == load_config(name)


def test_navigation_is_shipped():
    assert "navigation2d" in config_names()


def test_a_yaml_may_hold_a_part_of_the_config(tmp_path):
    (tmp_path / "part.yaml").write_text("trust_region:\n  max_kl: 0.05\nseed: 3\n")
    config = load_config(str(tmp_path / "part.yaml"))
    assert config == dataclasses.replace(
        PolicyExperiment(), seed=3, trust_region=dataclasses.replace(PolicyExperiment().trust_region, max_kl=0.05)
    )


def test_keys_of_the_same_name_may_stand_in_different_parts(tmp_path):
    text = "seed: 1\nevaluation: {seed: 2}\nenv: {kwargs: {seed: 3, a: [{seed: 4}, {seed: 5}]}}\n"
    (tmp_path / "seeds.yaml").write_text(text)
    check_keys(str(tmp_path / "seeds.yaml"))
    config = load_config(str(tmp_path / "seeds.yaml"))
    assert (config.seed, config.evaluation.seed) == (1, 2)
    assert config.env.kwargs == {"seed": 3, "a": [{"seed": 4}, {"seed": 5}]}


def test_an_alias_may_stand_for_a_part(tmp_path):
    (tmp_path / "alias.yaml").write_text("env:\n  kwargs:\n    a: &part {b: 1}\n    c: [*part, *part]\n")
    assert load_config(str(tmp_path / "alias.yaml")).env.kwargs == {"a": {"b": 1}, "c": [{"b": 1}, {"b": 1}]}


def test_an_option_that_is_wrong_is_not_blamed_on_the_config():
    for arguments in (['--trust_region={"max_kll": 1}', "--config=navigation2d"], ["--sed=1"]):
        with pytest.raises(UserError) as raised:
            parse(experiment_parser(), [*arguments, "--config=navigation2d"])
        assert "config navigation2d" not in str(raised.value)


def test_overrides_beat_the_file_and_the_last_one_wins():
    config = load_config(
        "navigation2d",
        [
            "--trust_region.max_kl", "0.02", "--trust_region.max_kl=0.03", "--policy.hidden_sizes=[7, 6, 5]",
            "--env.kwargs.horizon=9", "--sampling.rescale_actions=false", "--evaluation.first_step_size=0.4",
            "--adaptation.estimator=first_order", "--device=cuda", "--adaptation.step_size=1e-3",
        ],
    )  # fmt: skip
    before = load_config("navigation2d")
    assert config == dataclasses.replace(
        before,
        env=EnvConfig(before.env.id, {**before.env.kwargs, "horizon": 9}),
        policy=dataclasses.replace(before.policy, hidden_sizes=(7, 6, 5)),
        sampling=dataclasses.replace(before.sampling, rescale_actions=False),
        adaptation=dataclasses.replace(before.adaptation, estimator="first_order", step_size=0.001),
        trust_region=dataclasses.replace(before.trust_region, max_kl=0.03),
        evaluation=dataclasses.replace(before.evaluation, first_step_size=0.4),
        device="cuda",
    )


def test_whole_environment_kwargs_can_be_replaced():
    assert load_config("navigation2d", ['--env.kwargs={"horizon": 5}']).env.kwargs == {"horizon": 5}


SOME_CONFIGS = [
    PolicyExperiment(),
    load_config("navigation2d"),
    load_config(
        "navigation2d", ['--env.kwargs={"a": [1, 2.5, null, {"b": true}], "c": "x"}', "--policy.hidden_sizes=[]"]
    ),
    load_config(
        "navigation2d", ["--evaluation.first_step_size=0.3", "--adaptation.step_size=0", "--seed=123456789"]
    ),
]


@pytest.mark.parametrize("config", SOME_CONFIGS)
def test_plain_config_restores_to_the_same(config):
    restored = restore_experiment(plain_experiment(config))
    assert restored == config
    assert isinstance(restored.policy.hidden_sizes, tuple)
    assert restore_experiment(json.loads(json.dumps(plain_experiment(config)))) == config
    assert restore_experiment(yaml.safe_load(yaml.safe_dump(plain_experiment(config)))) == config


@pytest.mark.parametrize("config", SOME_CONFIGS)
def test_plain_config_holds_builtin_types_only(config):
    plain = plain_experiment(config)
    assert set(plain_types(plain)) <= {dict, list, str, int, float, bool, type(None)}
    assert [f.name for f in dataclasses.fields(PolicyExperiment)] == list(plain)


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
    ],
    ids=str,
)
def test_what_is_not_a_config_is_not_restored(values):
    with pytest.raises(UserError) as raised:
        restore_experiment(values)
    assert "\n" not in str(raised.value)


def test_set_config_defaults_makes_values_the_defaults():
    parser = experiment_parser()
    config = load_config("navigation2d", ["--seed=5", "--policy.hidden_sizes=[3]", "--env.kwargs.horizon=7"])
    set_config_defaults(parser, config)
    assert build_experiment(parser, parse(parser, [])) == config
    changed = build_experiment(parser, parse(parser, ["--seed=6", "--env.kwargs.goal_range=2"]))
    kwargs = {**config.env.kwargs, "goal_range": 2}
    assert changed == dataclasses.replace(config, seed=6, env=EnvConfig(config.env.id, kwargs))


def test_set_config_defaults_leaves_nothing_of_the_defaults_before():
    parser = experiment_parser()
    set_config_defaults(parser, load_config("navigation2d", ["--evaluation.first_step_size=0.3"]))
    for config in (PolicyExperiment(), PolicyExperiment(env=EnvConfig(kwargs={"horizon": 3}), policy=PolicyConfig(hidden_sizes=()))):
        set_config_defaults(parser, config)
        assert build_experiment(parser, parse(parser, [])) == config


def test_a_config_file_beats_the_defaults_that_were_set():
    parser = experiment_parser()
    set_config_defaults(parser, PolicyExperiment(adaptation=AdaptationConfig(step_size=0.7), seed=9))
    config = build_experiment(parser, parse(parser, ["--config=navigation2d"]))
    shipped = load_config("navigation2d")
    assert (config.adaptation.step_size, config.seed) == (shipped.adaptation.step_size, shipped.seed)
