"""Choices by name: a registry of shapes, and the registries behind the settings."""

import sys
from dataclasses import dataclass, is_dataclass
from typing import get_args, get_type_hints

import pytest
from jsonargparse import ArgumentError, ArgumentParser

from mamlrl.errors import UserError
from mamlrl.experiments.build import KINDS
from mamlrl.experiments.parser import experiment_parser, parse
from mamlrl.settings.choices import Registry

SHAPES = Registry("shape", {"circle": 3.14, "square": 4.0})
ShapeName = SHAPES.name_type("ShapeName")


@dataclass(frozen=True)
class Drawing:
    shape: ShapeName = "circle"
    others: tuple[ShapeName, ...] = ()


@pytest.fixture
def shapes():
    return Registry("shape", {"circle": 3.14, "square": 4.0})


@pytest.fixture
def module(tmp_path, monkeypatch):
    """Somebody's package, with a module that registers a star among `SHAPES`, and one that cannot be imported."""
    package = tmp_path / "geometry"
    package.mkdir()
    (package / "stars.py").write_text("from shapes_of_this_test import SHAPES\n\nSHAPES.register('star', 5.0)\n")
    (package / "broken.py").write_text("import no_such_dependency\n")
    monkeypatch.syspath_prepend(tmp_path)
    with monkeypatch.context() as patched:
        patched.setitem(sys.modules, "shapes_of_this_test", sys.modules[__name__])
        patched.setattr(SHAPES, "_entries", dict(SHAPES))
        yield "geometry.stars"
    for name in [name for name in sys.modules if name.partition(".")[0] == "geometry"]:
        del sys.modules[name]


def test_a_registry_is_a_mapping_in_the_order_of_registration(shapes):
    shapes.register("triangle", 3.0)
    assert list(shapes.items()) == [("circle", 3.14), ("square", 4.0), ("triangle", 3.0)]
    assert shapes["triangle"] == shapes.find("triangle") == shapes.choose("shape:", "triangle") == 3.0


def test_registering_leaves_the_first_entries_as_they_were():
    entries = {"circle": 3.14}
    Registry("shape", entries).register("square", 4.0)
    assert entries == {"circle": 3.14}


def test_a_name_is_registered_once(shapes):
    shapes.register("circle", shapes["circle"])  # as when a module is imported again
    for name in ("circle", "somebodys:shape"):
        with pytest.raises(ValueError, match=f"cannot register the shape '{name}'"):
            shapes.register(name, 6.28)
    assert dict(shapes) == {"circle": 3.14, "square": 4.0}


@pytest.mark.parametrize(
    ("name", "ending"),
    [("circel", "got circel; did you mean circle?"), ("xyz", "got xyz"), ("", "got ")],
)
def test_an_unknown_name_is_refused_with_the_nearest(shapes, name, ending):
    message = f"must be one of circle, square, {ending}"
    with pytest.raises(ValueError) as refused:  # noqa: PT011 (compared below)
        shapes.find(name)
    assert str(refused.value) == message
    with pytest.raises(UserError) as refused:
        shapes.choose("drawing.shape", name)
    assert str(refused.value) == f"drawing.shape {message}"


def test_a_module_registers_what_is_named_after_it(module):
    assert "star" not in SHAPES
    assert SHAPES.find(f"{module}:star") == 5.0
    assert SHAPES["star"] == SHAPES.find(f"{module}:star") == 5.0


@pytest.mark.parametrize(
    ("name", "message"),
    [
        (
            "geometry.stars:stra",
            "must be one of circle, square, star, got geometry.stars:stra; did you mean star?",
        ),
        ("geometry.moons:moon", "geometry.moons:moon cannot be imported .*geometry.moons.*PYTHONPATH"),
        ("geometry.broken:star", "geometry.broken:star cannot be imported .*no_such_dependency"),
        ("circle:", "circle: cannot be imported .*PYTHONPATH"),
        (".stars:star", ".stars:star cannot be imported"),
    ],
)
def test_what_a_module_does_not_provide_is_named(module, name, message):
    with pytest.raises(UserError, match=f"drawing.shape: {message}"):
        SHAPES.choose("drawing.shape:", name)


@pytest.fixture
def parser():
    parser = ArgumentParser(exit_on_error=False)
    parser.add_class_arguments(Drawing)
    return parser


def test_settings_take_the_names_that_are_registered_when_they_are_read(parser, module):
    drawn = parser.parse_args(["--shape=square", f"--others=[circle, {module}:star, star]"])
    assert (drawn.shape, drawn.others) == ("square", ("circle", f"{module}:star", "star"))
    assert isinstance(drawn.shape, str)
    assert ShapeName.registry is SHAPES


@pytest.mark.parametrize("option", ["--shape=oval", "--shape=3", "--shape=[]", "--others=[circle, oval]"])
def test_settings_refuse_other_names(parser, option):
    with pytest.raises(ArgumentError, match="must be one of circle, square"):
        parser.parse_args([option])


def named_settings(section, prefix=""):
    """Every setting that names an implementation, dotted, with its registry."""
    for name, hint in get_type_hints(section).items():
        if is_dataclass(hint):
            yield from named_settings(hint, f"{prefix}{name}.")
        for registry in (each.registry for each in (hint, *get_args(hint)) if hasattr(each, "registry")):
            yield f"{prefix}{name}", registry


@pytest.mark.parametrize(
    ("kind", "key", "registry"),
    [(kind, *setting) for kind, experiment in KINDS.items() for setting in named_settings(experiment)],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_every_setting_that_names_an_implementation_is_checked_when_it_is_read(kind, key, registry):
    value = "[no_such]" if key == "env.wrappers" else "no_such"
    with pytest.raises(UserError, match=f"{key}.* must be one of {', '.join(registry)}, got no_such"):
        parse(experiment_parser(kind), [f"--{key}={value}"])


@pytest.mark.parametrize("kind", KINDS)
def test_a_module_that_cannot_be_imported_is_named_in_plain_words(kind):
    with pytest.raises(UserError) as refused:
        parse(experiment_parser(kind), ["--outer_optimizer=no_such_module:mine"])
    message = str(refused.value)
    assert message.startswith("outer_optimizer no_such_module:mine cannot be imported")
    assert "PYTHONPATH" in message
