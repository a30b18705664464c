"""Modules that saved experiments name: what a file holds must not decide alone which code runs."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Iterator, Sequence
from importlib import import_module
from typing import Any

from mamlrl.errors import UserError


def import_allowed(modules: str | Sequence[str]) -> None:
    """Imports the modules that a user allows; experiments from files may then name them, too.

    Args:
        modules: Their names, in a list or separated by commas.

    Raises:
        UserError: If there is no such module.
    """
    for module in filter(None, modules.split(",") if isinstance(modules, str) else modules):
        try:
            import_module(module)
        except (ModuleNotFoundError, TypeError, ValueError) as error:  # none such, relative, or empty
            raise UserError(
                f"allow_import: {module} cannot be imported ({error}); put its folder on PYTHONPATH"
            ) from error


def refuse_imports(values: Any, key: str = "") -> None:
    """Checks that an experiment from a file would import nothing: a setting may be `module:name`.

    Modules that are imported already, or that are not there, pass.

    Args:
        values: A plain experiment, or a part of it.
        key: Dotted key of the part.

    Raises:
        UserError: If a setting names another module; the message says how to allow it.
    """
    for where, value, module in _named(values, key):
        if module not in sys.modules:
            raise UserError(
                f"{where} {value} would import the module {module}; if you trust it, say --allow_import {module} "
                f"(in Python: import {module} first)"
            )


def named_modules(values: Any) -> list[str]:
    """Returns the modules outside this package that an experiment names, for `--allow_import`.

    Args:
        values: A plain experiment, or a part of it.
    """
    modules = {module for _, _, module in _named(values, "")}
    return sorted(module for module in modules if module.partition(".")[0] != __name__.partition(".")[0])


def _named(values: Any, key: str) -> Iterator[tuple[str, str, str]]:
    """Key, value and module of each setting `module:name` whose module may be there."""
    if isinstance(values, dict):
        for name, value in values.items():
            yield from _named(value, f"{key}.{name}".lstrip("."))
    elif isinstance(values, list | tuple):
        for value in values:
            yield from _named(value, key)
    elif isinstance(values, str):
        module, colon, _ = values.rpartition(":")
        if colon and key != "device" and _exists(module):
            yield key, values, module


def _exists(module: str) -> bool:
    """Returns whether a module may be there, without importing the packages that it is in."""
    try:
        return importlib.util.find_spec(module.partition(".")[0]) is not None
    except (ImportError, ValueError):  # an empty or impossible name
        return False
