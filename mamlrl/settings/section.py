"""Sections of settings: dataclasses whose values are checked against their types, whoever makes them."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from numbers import Integral, Real
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

import numpy as np

from mamlrl.errors import UserError, suggestion
from mamlrl.settings.choices import shown


@dataclass(frozen=True)
class Section:
    """The base of the dataclasses that hold settings.

    Whether a section comes from a command line, a file, Python or `dataclasses.replace`, its values are checked
    and made plain: NumPy's numbers become Python's, lists become tuples where the setting is a tuple. Where a
    setting names an implementation, Python may give the implementation itself.

    Raises:
        UserError: If a value is not what its field may hold; the message names the section and the field.

    Example:
        >>> from mamlrl.networks.build import PolicyConfig
        >>> PolicyConfig(hidden_sizes=[8, 8]).hidden_sizes
        (8, 8)
        >>> PolicyConfig(activation="gelu")
        Traceback (most recent call last):
        mamlrl.errors.UserError: PolicyConfig: activation must be one of relu, tanh, got 'gelu'
    """

    def __post_init__(self) -> None:
        """Checks every field."""
        section: Any = type(self)
        for name, hint in hints(section).items():
            value = getattr(self, name)
            try:
                plain = conform(hint, value)
            except ValueError as error:
                raise UserError(f"{type(self).__name__}: {name} {error}") from error
            if plain is not value:
                object.__setattr__(self, name, plain)


@cache
def hints(section: Any) -> dict[str, Any]:
    """Returns the types of a section's fields."""
    return get_type_hints(section)


def conform(hint: Any, value: Any) -> Any:
    """Returns a value as plain as its type wants it.

    Raises:
        ValueError: If the type does not allow it; the message says what it must be.
    """
    members, kind = get_args(hint), get_origin(hint) or hint
    if kind in (Union, UnionType):
        optional = value is None and NoneType in members
        return None if optional else conform(next(each for each in members if each is not NoneType), value)
    if kind is Literal:
        return _choice(members, value)
    if hasattr(hint, "registry"):
        return _name(hint, value)
    if hasattr(hint, "contract"):
        return _text_or_object(hint, value)
    if kind is tuple and isinstance(value, list | tuple):
        return tuple(conform(members[0], item) for item in value)
    return _checked(hint, kind, value)


def _checked(hint: Any, kind: Any, value: Any) -> Any:
    """What `conform` returns for single values, dicts and sections."""
    if kind is dict and isinstance(value, Mapping):
        _, item = get_args(hint) or (str, Any)
        return _plain(value) if item is Any else _conform_items(item, _plain(value))
    if kind is str and isinstance(value, os.PathLike):
        return str(os.fspath(value))
    if isinstance(value, np.bool_):
        value = bool(value)
    if isinstance(kind, type) and issubclass(kind, int | float) and kind is not bool:
        return _number(hint, value)
    if isinstance(kind, type):
        exactly = issubclass(kind, Section)  # a subclass may have settings that no file would give back
        if not isinstance(value, kind) or (exactly and type(value) is not kind):
            raise ValueError(f"must be {describe(hint)}, got {shown(value)}")
    return value


def _conform_items(hint: Any, values: dict[str, Any]) -> dict[str, Any]:
    conformed = {}
    for key, value in values.items():
        try:
            conformed[key] = conform(hint, value)
        except ValueError as error:
            raise ValueError(f"{key} {error}") from error
    return conformed


def _choice(choices: tuple[Any, ...], value: Any) -> Any:
    if isinstance(value, str) and value in choices:
        return value
    raise ValueError(f"must be one of {', '.join(choices)}, got {shown(value)}{suggestion(value, choices)}")


def _number(hint: Any, value: Any) -> Any:
    base = int if issubclass(hint, int) else float
    if isinstance(value, bool) or not isinstance(value, Integral if base is int else Real):
        raise ValueError(f"must be {describe(hint)}, got {shown(value)}")
    try:
        plain = base(hint(value))
    except (ValueError, OverflowError) as error:
        reason = (
            str(error) if str(error).startswith("must be") else f"must be {describe(hint)}, got {shown(value)}"
        )
        raise ValueError(reason) from error
    return plain


def _name(hint: Any, value: Any) -> Any:
    hint.registry.check(value)
    return str(value) if isinstance(value, str) else value


def _text_or_object(hint: Any, value: Any) -> Any:
    if isinstance(value, str):
        return str(value)
    if not isinstance(value, hint.contract) and not callable(value):
        others = f"an instance of {hint.contract.__name__}, or a function that makes one"
        raise ValueError(f"must be text, got {shown(value)}; in Python also {others}")
    return value


def _plain(value: Any) -> Any:
    """A copy of what YAML and JSON can hold."""
    if isinstance(value, Mapping):
        wrong = next((key for key in value if not isinstance(key, str)), None)
        if wrong is not None:
            raise ValueError(f"must have keys of text, got {shown(wrong)}")
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, np.generic):
        return _plain(value.item())
    for base in (bool, int, float, str):
        if isinstance(value, base):
            return base(value)
    if value is None:
        return None
    raise ValueError(f"must hold numbers, text, lists and keys alone, got {shown(value)}")


def describe(hint: Any) -> str:
    """Says in words what a value of a type must be, such as `a whole number > 0`."""
    if hasattr(hint, "_expression"):  # a number with a range
        bounds = re.sub(r"v([<>]=?)", r"\1 ", hint._expression.removesuffix(" and v<inf"))
        return f"{'a whole number' if issubclass(hint, int) else 'a number'} {bounds}"
    words = {
        bool: "true or false", int: "a whole number", float: "a number", str: "text", dict: "a dict",
        tuple: "a list, such as [1, 2]",
    }  # fmt: skip
    origin = get_origin(hint) or hint
    return words.get(origin, f"of class {origin.__name__}")
