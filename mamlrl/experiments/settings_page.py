"""The page of all settings, docs/settings.md, made of their types, defaults and docstrings."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import is_dataclass
from types import NoneType
from typing import Any, Literal, NamedTuple, get_args, get_origin, get_type_hints

from docstring_parser import Docstring, DocstringStyle, parse

from mamlrl.experiments.build import KINDS

HEAD = """# Settings

Every setting of an experiment, by section. A dotted key is an option of the command line,
`--adam.learning_rate 0.01`, and a key within a section of a YAML file:

    adam:
      learning_rate: 0.01

The second column says which kinds of experiment have a setting. Where the choices are implementations,
`module:name` is one of your own, which the module registers. `make docs` writes this page.
"""


class Row(NamedTuple):
    """A setting, as the page shows it."""

    key: str
    type: str
    default: str
    explanation: str


def settings_page() -> str:
    """Returns the page, in Markdown: a table for each section, with those settings once that kinds share."""
    sections: dict[str, dict[str, Any]] = {}  # dotted name to the dataclass of each kind
    for kind, experiment in KINDS.items():
        for name, section in _sections(experiment, ""):
            sections.setdefault(name, {})[kind] = section
    return "\n".join([HEAD, *(_section(name, sections[name]) for name in sorted(sections))])


def _sections(section: Any, name: str) -> Iterator[tuple[str, Any]]:
    yield name, section
    for field, hint in get_type_hints(section).items():
        if is_dataclass(hint):
            yield from _sections(hint, f"{name}.{field}".lstrip("."))


def _section(name: str, by_kind: Mapping[str, Any]) -> str:
    kinds: dict[Row, list[str]] = {}
    for kind, section in by_kind.items():
        for row in _rows(section, f"{name}." if name else ""):
            kinds.setdefault(row, []).append(kind)
    keys = [row.key for row in kinds]
    lines = [
        f"| `{row.key}` | {', '.join(kinds[row])} | {row.type} | `{row.default}` | {row.explanation} |"
        for row in sorted(kinds, key=lambda row: keys.index(row.key))
    ]
    heading = f"## {name or 'Experiment'}\n\n{_docstring(_shared(by_kind.values())).short_description}\n"
    header = ["| setting | kind | type | default | explanation |", "|---|---|---|---|---|"]
    return "\n".join([heading, *header, *lines, ""])


def _shared(classes: Collection[type]) -> type:
    """Returns the nearest class that all others are, or inherit from."""
    first = next(iter(classes))
    return next(each for each in first.__mro__ if all(issubclass(other, each) for other in classes))


def _rows(section: Any, prefix: str) -> Iterator[Row]:
    documented = [parameter for each in reversed(section.__mro__) for parameter in _docstring(each).params]
    explanations = {parameter.arg_name: parameter.description or "" for parameter in documented}
    defaults = section()
    for name, hint in get_type_hints(section).items():
        if not is_dataclass(hint):
            default = getattr(defaults, name)
            text = default if isinstance(default, str) else json.dumps(default)
            explanation = " ".join(explanations[name].split()).replace("|", r"\|")
            yield Row(f"{prefix}{name}", _describe(hint), text, explanation)


def _docstring(section: Any) -> Docstring:
    return parse(section.__doc__ or "", DocstringStyle.GOOGLE)


def _describe(hint: Any) -> str:
    """Says in words what a value must be."""
    arguments = [argument for argument in get_args(hint) if argument not in (NoneType, ...)]
    if NoneType in get_args(hint):
        return f"{_describe(arguments[0])}, or null"
    if get_origin(hint) is tuple:
        return f"list; of each: {_describe(arguments[0])}"
    choices = arguments if get_origin(hint) is Literal else getattr(hint, "registry", ())
    if choices:
        return ", ".join(f"`{choice}`" for choice in choices)
    if hasattr(hint, "_expression"):  # a number with a range
        bounds = re.sub(r"v([<>]=?)", r"\1 ", hint._expression.removesuffix(" and v<inf"))
        return f"{'whole number' if issubclass(hint, int) else 'number'} {bounds}"
    if hasattr(hint, "contract"):
        return "text"
    words = {bool: "true or false", int: "whole number", float: "number", str: "text", dict: "keys of its own"}
    return words[get_origin(hint) or hint]


if __name__ == "__main__":
    print(settings_page(), end="")
