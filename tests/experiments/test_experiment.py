import dataclasses
import re
from typing import Literal, get_args, get_origin, get_type_hints

import pytest

from mamlrl.errors import UserError
from mamlrl.experiments import experiment as configs
from mamlrl.experiments.command_line import load_config
from mamlrl.experiments.policy import PolicyExperiment

PARTS = [PolicyExperiment, *filter(dataclasses.is_dataclass, get_type_hints(PolicyExperiment).values())]
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


def leaves(part=PolicyExperiment, prefix=""):
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


@pytest.mark.parametrize(("key", "kind"), LEAVES, ids=[key for key, _ in LEAVES])
def test_restricted_values_are_refused_by_name(key, kind):
    texts = set(REFUSED.get(kind, []))
    if value_at(PolicyExperiment(), key) is None:
        texts -= {"null"}
    for text in texts:
        with pytest.raises(UserError, match=re.escape(key)) as raised:
            load_config("navigation2d", [f"--{key}={text}"])
        assert not re.search(r"\n|Parser|Not of type|<class|typing|restriction|\bv[<>]", str(raised.value))


@pytest.mark.parametrize(("key", "kind"), LEAVES, ids=[key for key, _ in LEAVES])
def test_boundary_values_are_taken(key, kind):
    for value in BOUNDARY.get(kind, []):
        assert value_at(load_config("navigation2d", [f"--{key}={value}"]), key) == value


def test_every_type_of_value_is_tested():
    assert {kind for _, kind in LEAVES} - {str} == set(REFUSED)
    assert len(LEAVES) > 25


@pytest.mark.parametrize("part", PARTS, ids=lambda part: part.__name__)
def test_every_field_is_documented(part):
    attributes = part.__doc__.split("Attributes:\n")[1]
    documented = re.findall(r"^ {8}(\w+): \S", attributes, flags=re.MULTILINE)
    assert documented == [field.name for field in dataclasses.fields(part)]


@pytest.mark.parametrize("part", PARTS, ids=lambda part: part.__name__)
def test_documentation_does_not_mention_the_names_of_types(part):
    assert not re.search(r"ClosedUnitInterval|PositiveF|NonNegative|PositiveInt", part.__doc__)
