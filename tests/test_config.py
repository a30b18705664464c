import dataclasses
import json
import re
from pathlib import Path
from typing import Literal, get_args, get_origin, get_type_hints

import pytest
import yaml

from mamlrl import config as configs
from mamlrl.config import (
    AdaptationConfig,
    Config,
    EnvConfig,
    PolicyConfig,
    build_config,
    config_names,
    config_parser,
    config_path,
    load_config,
    parse,
    plain_config,
    restore_config,
    set_config_defaults,
)
from mamlrl.errors import UserError

PARTS = [Config, *filter(dataclasses.is_dataclass, get_type_hints(Config).values())]
REFUSED = {
    configs.PositiveInt: ["0", "-1", "1.5", "abc", "1e3", "true", "null"],
    configs.NonNegativeInt: ["-1", "0.5", "abc", "null"],
    configs.Seed: ["-1", "0.5", "abc", "null", str(2**63)],
    configs.PositiveFinite: ["0", "-1", "nan", "inf", "abc", "null"],
    configs.NonNegativeFinite: ["-1", "-1e-9", "nan", "inf", "-inf", "abc"],
    configs.ClosedUnitInterval: ["-0.1", "1.1", "nan", "abc"],
    configs.PositiveFraction: ["0", "-0.5", "1.1", "nan", "abc"],
    bool: ["maybe", "2"],
    tuple: ["8", "abc", "[0]", "[-3, 4]", "[2.5]", "[8, abc]"],
    dict: ["8", "[1]", "abc"],
    Literal: ["nonsense", ""],
}
BOUNDARY = {
    configs.PositiveInt: [1],
    configs.NonNegativeInt: [0],
    configs.Seed: [0, 2**63 - 1],
    configs.PositiveFinite: [1e-12, 1e12],
    configs.NonNegativeFinite: [0.0, 1e12],
    configs.ClosedUnitInterval: [0.0, 1.0],
    configs.PositiveFraction: [1e-6, 1.0],
}


def leaves(part=Config, prefix=""):
    """Dotted name and type of every value of a config; of a union the first member."""
    for name, hint in get_type_hints(part).items():
        if dataclasses.is_dataclass(hint):
            yield from leaves(hint, f"{prefix}{name}.")
        elif get_origin(hint) in (tuple, dict, Literal):
            yield f"{prefix}{name}", get_origin(hint)
        else:
            yield f"{prefix}{name}", (get_args(hint) or (hint,))[0]


LEAVES = list(leaves())


def value_at(config, key):
    for name in key.split("."):
        config = getattr(config, name)
    return config


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
    assert isinstance(config, Config)
    stated = yaml.safe_load(Path(config_path(name)).read_text())
    assert subset(stated, plain_config(config))


@pytest.mark.parametrize("name", config_names())
def test_shipped_config_loads_by_path(name):
    assert load_config(config_path(name)) == load_config(name)


def test_navigation_is_shipped():
    assert "navigation2d" in config_names()


def test_a_yaml_may_hold_a_part_of_the_config(tmp_path):
    (tmp_path / "part.yaml").write_text("trust_region:\n  max_kl: 0.05\nseed: 3\n")
    config = load_config(str(tmp_path / "part.yaml"))
    assert config == dataclasses.replace(
        Config(), seed=3, trust_region=dataclasses.replace(Config().trust_region, max_kl=0.05)
    )


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
    Config(),
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
    restored = restore_config(plain_config(config))
    assert restored == config
    assert isinstance(restored.policy.hidden_sizes, tuple)
    assert restore_config(json.loads(json.dumps(plain_config(config)))) == config
    assert restore_config(yaml.safe_load(yaml.safe_dump(plain_config(config)))) == config


@pytest.mark.parametrize("config", SOME_CONFIGS)
def test_plain_config_holds_builtin_types_only(config):
    plain = plain_config(config)
    assert set(plain_types(plain)) <= {dict, list, str, int, float, bool, type(None)}
    assert [f.name for f in dataclasses.fields(Config)] == list(plain)


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
        restore_config(values)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(("key", "kind"), LEAVES, ids=[key for key, _ in LEAVES])
def test_restricted_values_are_refused_by_name(key, kind):
    for text in REFUSED.get(kind, []):
        with pytest.raises(UserError, match=re.escape(key)) as raised:
            load_config("navigation2d", [f"--{key}={text}"])
        assert "\n" not in str(raised.value)


@pytest.mark.parametrize(("key", "kind"), LEAVES, ids=[key for key, _ in LEAVES])
def test_boundary_values_are_taken(key, kind):
    for value in BOUNDARY.get(kind, []):
        assert value_at(load_config("navigation2d", [f"--{key}={value}"]), key) == value


def test_every_type_of_value_is_tested():
    assert {kind for _, kind in LEAVES} - {str} == set(REFUSED)
    assert len(LEAVES) > 25


def test_set_config_defaults_makes_values_the_defaults():
    parser = config_parser()
    config = load_config("navigation2d", ["--seed=5", "--policy.hidden_sizes=[3]", "--env.kwargs.horizon=7"])
    set_config_defaults(parser, config)
    assert build_config(parser, parse(parser, [])) == config
    changed = build_config(parser, parse(parser, ["--seed=6", "--env.kwargs.goal_range=2"]))
    kwargs = {**config.env.kwargs, "goal_range": 2}
    assert changed == dataclasses.replace(config, seed=6, env=EnvConfig(config.env.id, kwargs))


def test_set_config_defaults_leaves_nothing_of_the_defaults_before():
    parser = config_parser()
    set_config_defaults(parser, load_config("navigation2d", ["--evaluation.first_step_size=0.3"]))
    for config in (Config(), Config(env=EnvConfig(kwargs={"horizon": 3}), policy=PolicyConfig(hidden_sizes=()))):
        set_config_defaults(parser, config)
        assert build_config(parser, parse(parser, [])) == config


def test_a_config_file_beats_the_defaults_that_were_set():
    parser = config_parser()
    set_config_defaults(parser, Config(adaptation=AdaptationConfig(step_size=0.7), seed=9))
    config = build_config(parser, parse(parser, ["--config=navigation2d"]))
    shipped = load_config("navigation2d")
    assert (config.adaptation.step_size, config.seed) == (shipped.adaptation.step_size, shipped.seed)


@pytest.mark.parametrize("part", PARTS, ids=lambda part: part.__name__)
def test_every_field_is_documented(part):
    attributes = part.__doc__.split("Attributes:\n")[1]
    documented = re.findall(r"^ {8}(\w+): \S", attributes, flags=re.MULTILINE)
    assert documented == [field.name for field in dataclasses.fields(part)]


@pytest.mark.parametrize("part", PARTS, ids=lambda part: part.__name__)
def test_documentation_does_not_mention_the_names_of_types(part):
    assert not re.search(r"ClosedUnitInterval|PositiveF|NonNegative|PositiveInt", part.__doc__)
