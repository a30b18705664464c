"""Experiments as plain values, as checkpoints and run folders hold them, and back."""

from __future__ import annotations

from dataclasses import fields, is_dataclass
from typing import Any

from mamlrl.errors import UserError
from mamlrl.experiments.experiment import Experiment
from mamlrl.experiments.imports import refuse_imports
from mamlrl.experiments.old_formats import with_kind
from mamlrl.experiments.parser import parse_object
from mamlrl.settings.choices import object_text, shown
from mamlrl.settings.section import Section, conform


def plain_experiment(experiment: Experiment) -> dict[str, Any]:
    """Returns an experiment as nested dicts of plain numbers, strings and lists.

    A text stands for each object that was given in place of a name, see `object_text`.
    """
    plain: dict[str, Any] = _plain(experiment)
    return plain


def _plain(value: Any) -> Any:
    if is_dataclass(value) and isinstance(value, Section):
        return {field.name: _plain(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, dict):
        try:
            return conform(dict, value)  # a copy
        except ValueError as error:  # somebody has changed it since it was checked
            raise UserError(f"{shown(value)} {error}") from error
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    for base in (bool, int, float, str):  # drops the restricted types
        if isinstance(value, base):
            return base(value)
    return None if value is None else object_text(value)


def restore_experiment(values: Any) -> Experiment:
    """Rebuilds an experiment from what `plain_experiment` returned, now or in an earlier version.

    Raises:
        UserError: If it is no such thing, a value cannot be used, or it names a module that is not imported.
    """
    if not isinstance(values, dict):
        raise UserError(f"an experiment must have keys of its own, got {values!r}")
    refuse_imports(values)
    values = with_kind(values)
    return parse_object(values["kind"], values)
