"""Reading configs: a shipped one by its name or a YAML file, with overrides, validated in one step."""

import json
from collections.abc import Sequence
from dataclasses import asdict, fields, is_dataclass
from importlib import resources
from pathlib import Path
from typing import Any, get_args, get_type_hints

import yaml
from jsonargparse import ActionConfigFile, ArgumentError, ArgumentParser, Namespace

from mamlrl.errors import UserError
from mamlrl.experiments.experiment import Config
from mamlrl.experiments.messages import explain


def config_names() -> list[str]:
    """Returns the names of the shipped configs."""
    files = resources.files("mamlrl.configs").iterdir()
    return sorted(file.name.removesuffix(".yaml") for file in files if file.name.endswith(".yaml"))


def config_path(source: str) -> str:
    """Returns the path of a shipped config named `source`, else `source` itself.

    Raises:
        ValueError: If there is neither such a config nor such a file.
    """
    if source in config_names():
        return str(resources.files("mamlrl.configs").joinpath(f"{source}.yaml"))
    if not Path(source).is_file():
        raise ValueError(
            f"no config named {source}, nor a file; the shipped configs are: {', '.join(config_names())}"
        )
    return source


def check_keys(path: str) -> None:
    """Checks what a YAML parser passes over in silence: of a key that is given twice it takes the last value.

    Raises:
        ValueError: If the file is empty or not YAML, gives a key twice, or contains itself through an alias.
    """
    try:
        with open(path) as file:
            document = yaml.compose(file, Loader=yaml.SafeLoader)
        if document is None:
            raise ValueError("the file is empty")
        _refuse_repeated_keys(document, "", {})
    except yaml.YAMLError as error:
        raise ValueError(str(error)) from None
    except RecursionError:
        raise ValueError("an alias stands for a part that contains it") from None


def _refuse_repeated_keys(node: yaml.Node, prefix: str, lines: dict[str, int]) -> None:
    """Walks through a document; `lines` collects the line of every dotted key."""
    if isinstance(node, yaml.SequenceNode):
        for index, item in enumerate(node.value):
            _refuse_repeated_keys(item, f"{prefix}{index}.", lines)
    elif isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            name, line = f"{prefix}{key.value}", key.start_mark.line + 1
            if name in lines:
                raise ValueError(f"line {line} gives {name} again, after line {lines[name]}; keep one of them")
            lines[name] = line
            _refuse_repeated_keys(value, f"{name}.", lines)


class ConfigByNameOrPath(ActionConfigFile):
    """Reads a YAML config, a shipped one by its name."""

    def __call__(self, parser: Any, cfg: Any, values: Any, option_string: str | None = None) -> None:
        """Applies the config, as `ActionConfigFile` does, after it alone was checked, for errors to name it."""
        try:
            path, alone = config_path(values), Namespace()
            check_keys(path)
            super().__call__(parser, alone, path, option_string)  # type: ignore[no-untyped-call]
            parser.validate(alone, skip_required=True)
            super().__call__(parser, cfg, path, option_string)  # type: ignore[no-untyped-call]
        except (ArgumentError, KeyError, TypeError, ValueError) as error:
            raise ValueError(f"config {values}: {error}") from None


def config_parser(**kwargs: Any) -> ArgumentParser:
    """Returns a parser with `--config` and an option for every field of `Config`, for programs to extend."""
    parser = ArgumentParser(exit_on_error=False, allow_abbrev=False, **kwargs)
    parser.add_argument("--config", action=ConfigByNameOrPath, help="Name of a shipped config, or a YAML file.")
    parser.add_class_arguments(Config)
    return parser


def parse(parser: ArgumentParser, arguments: Sequence[str]) -> Namespace:
    """Parses command-line arguments.

    Raises:
        UserError: If they cannot be used, in one line that names the key.
    """
    try:
        return parser.parse_args(list(arguments))
    except (ArgumentError, ValueError) as error:
        raise UserError(explain(str(error), _keys(parser))) from None


def build_config(parser: ArgumentParser, namespace: Namespace) -> Config:
    """Returns the config that a parsed command line holds."""
    _refuse_null(Config, namespace, "")
    built = parser.instantiate(namespace)
    return Config(**{item.name: built[item.name] for item in fields(Config)})


def _refuse_null(part: Any, values: Namespace, prefix: str) -> None:
    """Raises a UserError for a key that is null and may not be, which the parser lets pass."""
    for name, hint in get_type_hints(part).items():
        value = values[name]
        if is_dataclass(hint):
            if not isinstance(value, Namespace):
                raise UserError(f"{prefix}{name} must have keys of its own, not be {value!r}")
            _refuse_null(hint, value, f"{prefix}{name}.")
        elif value is None and type(None) not in get_args(hint):
            raise UserError(f"{prefix}{name} must have a value, not null")


def set_config_defaults(parser: ArgumentParser, config: Config) -> None:
    """Makes a config's values the defaults of a parser from `config_parser`."""
    parser.set_defaults(plain_config(config))


def load_config(source: str, overrides: Sequence[str] = ()) -> Config:
    """Reads a config and applies overrides.

    Args:
        source: Name of a shipped config, or path of a YAML file.
        overrides: Command-line options such as `["--trust_region.max_kl", "0.02"]`.

    Raises:
        UserError: If the config does not exist or a value in it cannot be used.
    """
    parser = config_parser()
    return build_config(parser, parse(parser, ["--config", source, *overrides]))


def plain_config(config: Config) -> dict[str, Any]:
    """Returns a config as nested dicts of plain numbers, strings and lists."""
    plain: dict[str, Any] = json.loads(json.dumps(asdict(config)))  # drops the restricted number types
    return plain


def restore_config(values: dict[str, Any]) -> Config:
    """Rebuilds a config from what `plain_config` returned.

    Raises:
        UserError: If a value cannot be used.
    """
    parser = config_parser()
    try:
        return build_config(parser, parser.parse_object(values))
    except (ArgumentError, ValueError, TypeError, AttributeError) as error:
        raise UserError(explain(str(error), _keys(parser))) from None


def _keys(parser: ArgumentParser) -> list[str]:
    """Every key that the parser knows, groups included."""
    keys = set(parser.get_defaults().keys(branches=True))
    return sorted(key for key in keys if not key.startswith("env.kwargs."))
