"""Objects in place of names: put into an experiment, and given again to one that was read from a file."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass, replace
from typing import Any, TypeVar

from mamlrl.errors import UserError, suggestion
from mamlrl.experiments.experiment import Experiment
from mamlrl.settings.choices import OBJECT, object_text, shown
from mamlrl.settings.section import Section

E = TypeVar("E", bound=Experiment)


def with_settings(experiment: E, settings: Mapping[str, Any]) -> E:
    """Returns an experiment with other settings, which are checked as those of a file are.

    Args:
        experiment: The experiment.
        settings: Values by dotted key. Where a setting names an implementation, or an environment, the
            implementation itself will do: an instance of its class, or what makes one.

    Raises:
        UserError: If there is no such setting, or it cannot have the value.

    Example:
        >>> from torch import nn
        >>> from mamlrl.experiments.policy import PolicyExperiment
        >>> module = nn.Sequential(nn.Linear(2, 64), nn.Tanh(), nn.Linear(64, 2))
        >>> config = with_settings(PolicyExperiment(), {"policy.architecture": module, "seed": 1})
    """
    if not isinstance(experiment, Experiment):
        raise UserError(f"config must be an experiment, such as load_config returns, got {shown(experiment)}")
    _check_keys("settings", settings)
    changed: Any = experiment
    for key, value in settings.items():
        changed = _with(changed, key.split("."), key, value)
    return changed


def with_objects(experiment: E, objects: Mapping[str, Any]) -> E:
    """Gives an experiment that was read from a file the objects that it had, and the file could not hold.

    Args:
        experiment: The experiment.
        objects: Objects by dotted key, as for `with_settings`.

    Raises:
        UserError: If the experiment had no object there, or one of another class or function.
    """
    _check_keys("objects", objects)
    missing = dict(_missing(experiment, ""))
    for key, value in objects.items():
        if key not in missing:
            raise UserError(f"objects: the run had no object as {key}{suggestion(key, list(missing))}")
        if object_text(value) != missing[key]:
            had, given = (text.removeprefix(OBJECT) for text in (missing[key], object_text(value)))
            raise UserError(f"objects: the run had {had} as {key}, not {given}")
    return with_settings(experiment, objects)


def _check_keys(name: str, values: Any) -> None:
    """Raises a UserError for something else than values by dotted key."""
    if not isinstance(values, Mapping) or not all(isinstance(key, str) for key in values):
        raise UserError(
            f"{name} must be a dict with dotted keys, such as 'policy.architecture', got {shown(values)}"
        )


def _with(section: Any, names: list[str], key: str, value: Any) -> Any:
    name, *rest = names
    known = [field.name for field in fields(section)]
    if name not in known:
        raise UserError(f"there is no setting {key}{suggestion(name, known)}")
    if not rest:
        return replace(section, **{name: value})
    inner = getattr(section, name)
    if not is_dataclass(inner):
        raise UserError(f"there is no setting {key}: {key.removesuffix('.' + '.'.join(rest))} is a single value")
    return replace(section, **{name: _with(inner, rest, key, value)})


def _missing(section: Any, prefix: str) -> Iterator[tuple[str, str]]:
    """Dotted keys that hold a text in place of an object, and the text."""
    for field in fields(section):
        value = getattr(section, field.name)
        if isinstance(value, Section):
            yield from _missing(value, f"{prefix}{field.name}.")
        elif isinstance(value, str) and value.startswith(OBJECT):
            yield f"{prefix}{field.name}", value
