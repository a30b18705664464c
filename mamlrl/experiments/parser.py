"""Parsers of command lines and configs, with an option for every setting of a kind of experiment."""

from __future__ import annotations

from collections import UserString
from collections.abc import Iterator, Sequence
from dataclasses import fields, is_dataclass
from typing import Any, get_args, get_type_hints

import yaml
from jsonargparse import ActionConfigFile, ArgumentError, ArgumentParser, Namespace, get_loader, set_loader

from mamlrl.errors import UserError
from mamlrl.experiments.build import KINDS
from mamlrl.experiments.experiment import Experiment
from mamlrl.experiments.files import check_keys, config_path, config_text
from mamlrl.experiments.messages import explain
from mamlrl.settings.choices import Registry
from mamlrl.settings.plain_yaml import check, check_values, load

_REMEDIES = {"env.id": "; name an environment, such as --env.id my_package:MyEnv-v0"}


def _load_value(text: str | UserString) -> Any:
    """What the parser takes a value for; a name of other bytes than UTF-8 is text."""
    try:
        return get_loader("yaml")(str(text))
    except UnicodeEncodeError as error:
        raise yaml.YAMLError(str(error)) from error


set_loader("mamlrl", _load_value, (yaml.YAMLError,))


def argument_parser(**kwargs: Any) -> ArgumentParser:
    """Returns a parser without options that raises errors rather than exits.

    Args:
        **kwargs: See `jsonargparse.ArgumentParser`.
    """
    return ArgumentParser(exit_on_error=False, allow_abbrev=False, parser_mode="mamlrl", **kwargs)


class ConfigByNameOrPath(ActionConfigFile):
    """Reads a YAML config, a shipped one by its name."""

    def __call__(self, parser: Any, cfg: Any, values: Any, option_string: str | None = None) -> None:
        """Applies the config, as `ActionConfigFile` does, after it alone was checked, for errors to name it."""
        try:
            path, alone = config_path(values), Namespace()
            check_keys(path)
            # No str, which the parser would take for a path; a comment, for it not to take a lone key for a name
            text = UserString(f"{config_text(path)}\n#")
            if not isinstance(load(str(text)), dict):
                raise ValueError("the file must hold keys, each with a value")
            super().__call__(parser, alone, text, option_string)  # type: ignore[no-untyped-call]
            parser.validate(alone, skip_required=True)
            super().__call__(parser, cfg, text, option_string)  # type: ignore[no-untyped-call]
        except (ArgumentError, KeyError, TypeError, ValueError) as error:
            raise ValueError(f"config {values}: {error}") from error


def experiment_parser(kind: str, **kwargs: Any) -> ArgumentParser:
    """Returns a parser with `--config` and an option for every setting of a kind of experiment.

    Args:
        kind: A name in `KINDS`.
        **kwargs: For the parser.

    Raises:
        UserError: If there is no such kind.
    """
    parser = argument_parser(**kwargs)
    parser.add_argument(
        "--config",
        action=ConfigByNameOrPath,
        help="Name of a shipped config, or a YAML file; given again, it is laid over the one before.",
    )
    experiment = KINDS.choose("kind", kind)
    parser.add_class_arguments(experiment)
    registries = {"kind": KINDS, **_registries(experiment)}
    for action in parser._actions:
        if action.dest in registries:
            action.help = f"{action.help} One of: {', '.join(registries[action.dest])}."
    return parser


def _settings(section: Any, prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Dotted keys and types of settings, sections included."""
    for name, hint in get_type_hints(section).items():
        yield f"{prefix}{name}", hint
        if is_dataclass(hint):
            yield from _settings(hint, f"{prefix}{name}.")


def _registries(experiment: type[Experiment]) -> dict[str, Registry[Any]]:
    """What settings choose from, by key, where they name an implementation."""
    types = [(key, each) for key, hint in _settings(experiment) for each in (hint, *get_args(hint))]
    return {key: each.registry for key, each in types if hasattr(each, "registry")}


def parse(parser: ArgumentParser, arguments: Sequence[str], keys: Sequence[str] = ()) -> Namespace:
    """Parses command-line arguments.

    Args:
        parser: Any parser.
        arguments: The command line, or a part of it.
        keys: Further keys to suggest where one is unknown.

    Raises:
        UserError: If they cannot be used, in one line that names the key.
    """
    _check_values(arguments)
    try:
        return parser.parse_args(list(arguments))
    except (ArgumentError, ValueError) as error:
        raise UserError(_explain(error, parser, keys)) from error


def _check_values(arguments: Sequence[str]) -> None:
    """Raises a UserError for a value that YAML would take for ever to read."""
    option = ""
    for argument in arguments:
        name, equals, value = argument.partition("=")
        option = name if name.startswith("--") else option
        try:
            check(value if equals and name.startswith("--") else argument)
        except ValueError as error:
            raise UserError(f"{option}: {error}") from error


def build_experiment(parser: ArgumentParser, namespace: Namespace) -> Experiment:
    """Returns the experiment that a namespace from a parser of `experiment_parser` holds.

    Raises:
        UserError: If a setting is null that may not be.
    """
    experiment = KINDS.choose("kind", namespace.kind)
    _refuse_null(experiment, namespace, "")
    built = parser.instantiate(namespace)
    return experiment(**{item.name: built[item.name] for item in fields(experiment)})


def parse_object(kind: str, values: dict[str, Any]) -> Experiment:
    """Returns the experiment that nested dicts hold.

    Raises:
        UserError: If a value cannot be used.
    """
    parser = experiment_parser(kind)
    try:
        check_values(values)
        return build_experiment(parser, parser.parse_object(values))
    except (ArgumentError, ValueError, TypeError, AttributeError) as error:
        raise UserError(_explain(error, parser)) from error


def setting_names(kind: str) -> list[str]:
    """Returns every key of a kind of experiment, dotted, sections included."""
    return [key for key, _ in _settings(KINDS.choose("kind", kind))]


def _refuse_null(section: Any, values: Namespace, prefix: str) -> None:
    """Raises a UserError for a key that is null and may not be, which the parser lets pass."""
    for name, hint in get_type_hints(section).items():
        value = values[name]
        if is_dataclass(hint):
            if not isinstance(value, Namespace):
                given = "null" if value is None else value
                raise UserError(f"{prefix}{name} must have keys of its own, got {given}")
            _refuse_null(hint, value, f"{prefix}{name}.")
        elif value is None and type(None) not in get_args(hint):
            raise UserError(f"{prefix}{name} must have a value, not null{_REMEDIES.get(f'{prefix}{name}', '')}")


def _explain(error: Exception, parser: ArgumentParser, keys: Sequence[str] = ()) -> str:
    kind = parser.get_defaults().get("kind")
    others = {other: setting_names(other) for other in KINDS if kind is not None and other != kind}
    return explain(str(error), [*_keys(parser), *keys], kind or "", others)


def _keys(parser: ArgumentParser) -> list[str]:
    """Every key that the parser knows, groups included."""
    keys = set(parser.get_defaults().keys(branches=True))
    return sorted(key for key in keys if not key.startswith(("env.kwargs.", "env.tasks.")))
