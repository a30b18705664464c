"""Every setting of every kind of experiment: its range, and its documentation."""

import dataclasses
import re
from typing import Literal, get_args, get_origin, get_type_hints

import pytest

from mamlrl.errors import UserError
from mamlrl.experiments.build import KINDS
from mamlrl.experiments.command_line import load_config
from mamlrl.experiments.experiment import Experiment, gradient_experiment
from mamlrl.sampling.env_settings import EnvId
from mamlrl.settings import numbers
from mamlrl.settings.choices import Registry

CONFIGS = {"policy": "navigation2d", "supervised": "sinusoid"}
REFUSED = {
    numbers.PositiveInt: ["0", "-1", "1.5", "abc", "1e3", "true", "null", "[3]", "{a: 3}"],
    numbers.NonNegativeInt: ["-1", "0.5", "abc", "null", "[3]"],
    numbers.Seed: ["-1", "0.5", "abc", "null", str(2**63)],
    numbers.PositiveFinite: ["0", "-1", "nan", "inf", "abc", "null", "'abc'"],
    numbers.NonNegativeFinite: ["-1", "-1e-9", "nan", "inf", "-inf", "abc", "", "[3]", "{a: 3}", "'abc'"],
    numbers.ClosedUnitInterval: ["-0.1", "1.1", "nan", "abc", "[3]"],
    numbers.PositiveFraction: ["0", "-0.5", "1.1", "nan", "abc"],
    bool: ["maybe", "2", "null", "[true]"],
    tuple: ["8", "abc", "[0]", "[-3, 4]", "[2.5]", "[8, abc]", "[null]", "null"],
    dict: ["8", "[1]", "abc", "null"],
    Literal: ["nonsense", "", "null", "[maml]"],
    EnvId: ["null"],
    Registry: ["nonsense", "", "null", "[maml]", "no_such_module:name"],
}
BOUNDARY = {
    numbers.PositiveInt: [1],
    numbers.NonNegativeInt: [0],
    numbers.Seed: [0, 2**63 - 1],
    numbers.PositiveFinite: [1e-12, 1e12],
    numbers.NonNegativeFinite: [0.0, 1e12],
    numbers.ClosedUnitInterval: [0.0, 1.0],
    numbers.PositiveFraction: [1e-6, 1.0],
}


def leaves(part, prefix=""):
    """Dotted name and type of every value of an experiment; of a union the first member."""
    for name, hint in get_type_hints(part).items():
        if dataclasses.is_dataclass(hint):
            yield from leaves(hint, f"{prefix}{name}.")
        elif get_origin(hint) in (tuple, dict, Literal):
            yield f"{prefix}{name}", get_origin(hint)
        else:
            first = (get_args(hint) or (hint,))[0]
            yield f"{prefix}{name}", Registry if hasattr(first, "registry") else first


def sections(part):
    """Dataclasses of an experiment: its own, its bases', those of its settings."""
    yield from filter(dataclasses.is_dataclass, part.__mro__)
    for hint in get_type_hints(part).values():
        if dataclasses.is_dataclass(hint):
            yield from sections(hint)


LEAVES = [(kind, key, value_type) for kind in CONFIGS for key, value_type in leaves(KINDS[kind])]
SECTIONS = sorted({each for kind in CONFIGS for each in sections(KINDS[kind])}, key=lambda part: part.__name__)

every_setting = pytest.mark.parametrize(
    ("kind", "key", "value_type"), LEAVES, ids=[f"{kind}-{key}" for kind, key, _ in LEAVES]
)
every_section = pytest.mark.parametrize("part", SECTIONS, ids=lambda part: part.__name__)


def value_at(config, key):
    for name in key.split("."):
        config = getattr(config, name)
    return config


@every_setting
def test_restricted_values_are_refused_by_name(kind, key, value_type):
    texts = set(REFUSED.get(value_type, []))
    if value_at(KINDS[kind](), key) is None:
        texts -= {"null"}
    for text in texts:
        with pytest.raises(UserError, match=f"^{re.escape(key)} ") as raised:
            load_config(CONFIGS[kind], [f"--{key}={text}"])
        jargon = r"\n|Parser|Not of type|<class|typing|restriction|argument must|literal|Expected|None|\bv[<>]"
        assert not re.search(jargon, str(raised.value))


@every_setting
def test_boundary_values_are_taken(kind, key, value_type):
    for value in BOUNDARY.get(value_type, []):
        assert value_at(load_config(CONFIGS[kind], [f"--{key}={value}"]), key) == value


def test_every_type_of_value_is_tested():
    assert {value_type for _, _, value_type in LEAVES} - {str} == set(REFUSED)
    assert [sum(each == kind for each, *_ in LEAVES) > 25 for kind in CONFIGS] == [True, True]


def test_every_kind_is_tested():
    assert {"policy", "supervised"} == set(CONFIGS) <= set(KINDS)
    for kind, experiment in KINDS.items():
        assert issubclass(experiment, Experiment)
        assert experiment().kind == kind


@every_section
def test_every_field_is_documented_where_it_is_declared(part):
    def documented(section):
        attributes = section.__doc__.partition("Attributes:\n")[2]
        return re.findall(r"^ {8}(\w+): \S", attributes, flags=re.MULTILINE)

    own = documented(part)
    assert own == [name for name in part.__annotations__ if name in own]
    bases = [base for base in part.__mro__ if dataclasses.is_dataclass(base)]
    somewhere = {name for base in bases for name in documented(base)}
    assert somewhere == {field.name for field in dataclasses.fields(part)}


@every_section
def test_documentation_does_not_mention_the_names_of_types(part):
    assert not re.search(r"ClosedUnitInterval|PositiveF|NonNegative|PositiveInt", part.__doc__)


def test_an_experiment_on_fixed_data_has_a_loss_that_holds_at_any_parameters():
    policy = load_config("navigation2d", ["--adaptation.loss=reinforce", "--adaptation.steps=2"])
    fixed = policy.on_fixed_data()
    assert fixed.adaptation == dataclasses.replace(policy.adaptation, loss="likelihood_ratio")
    assert dataclasses.replace(fixed, adaptation=policy.adaptation) == policy
    supervised = load_config("sinusoid", ["--compile=true"])
    assert supervised.on_fixed_data() == dataclasses.replace(supervised, compile=False)


def test_an_experiment_without_an_inner_loop_has_no_meta_gradients():
    config = load_config("navigation2d")
    assert gradient_experiment(config) is config
    with pytest.raises(UserError, match=r"^kind: experiments of kind search have no meta-gradients$"):
        gradient_experiment(Experiment(kind="search"))
