"""Config files: shipped ones by their name, what a YAML parser does not check, and the kind that they state."""

from __future__ import annotations

import os
from functools import cache
from importlib import resources
from importlib.resources.abc import Traversable

import yaml

from mamlrl.experiments.old_formats import is_old, with_kind
from mamlrl.settings.plain_yaml import check, load, read_text

METHODS, TEMPLATES = "methods", ""  # folders of configs that are no whole experiments
RECIPES = "reproduce"  # folder of what are no configs at all


@cache
def _shipped() -> dict[str, tuple[str, Traversable]]:
    """Name of every shipped config to its folder and file."""
    top = resources.files("mamlrl.configs")
    folders = [(folder.name, folder) for folder in top.iterdir() if folder.is_dir() and folder.name != RECIPES]
    found = [(name, file) for name, folder in [(TEMPLATES, top), *folders] for file in folder.iterdir()]
    files = [(folder, file) for folder, file in found if file.name.endswith(".yaml")]
    return {file.name.removesuffix(".yaml"): (folder, file) for folder, file in files}


def config_names() -> list[str]:
    """Returns the names of the shipped configs, each a whole experiment."""
    return sorted(name for name, (folder, _) in _shipped().items() if folder not in (METHODS, TEMPLATES))


def template_names() -> list[str]:
    """Returns the names of the shipped configs that need an environment of the user's own."""
    return sorted(name for name, (folder, _) in _shipped().items() if folder == TEMPLATES)


def method_names() -> list[str]:
    """Returns the names of the shipped overlays: a few settings to lay over a config."""
    return sorted(name for name, (folder, _) in _shipped().items() if folder == METHODS)


def config_path(source: str) -> str:
    """Returns the path of a shipped config named `source`, else `source` itself.

    Raises:
        ValueError: If there is neither such a config nor such a file.
    """
    if source in _shipped():
        return str(_shipped()[source][1])
    if not os.path.isfile(source):
        raise ValueError(
            f"no config named {source}, nor a file; for an environment of your own there is: "
            f"{', '.join(template_names())}; the shipped configs are: {', '.join(config_names())}; "
            f"to lay over one of them: {', '.join(method_names())}"
        )
    return source


def config_text(path: str) -> str:
    """Returns the text of a config; of one that an earlier version wrote whole, in today's form.

    Raises:
        OSError: If it cannot be read.
        ValueError: If it is too large, or not UTF-8.
    """
    text = read_text(path)
    try:
        values = load(text)
    except (ValueError, RecursionError):  # the parser will complain
        return text
    return yaml.safe_dump(with_kind(values), sort_keys=False) if is_old(values) else text


def stated_kind(source: str) -> str | None:
    """Returns the kind of experiment that a config states, None if it states none or cannot be read."""
    try:
        document = yaml.compose(config_text(config_path(source)), Loader=yaml.SafeLoader)
    except (OSError, ValueError, RecursionError, yaml.YAMLError):  # the parser will complain
        return None
    entries = document.value if isinstance(document, yaml.MappingNode) else []
    kinds = [value for key, value in entries if key.value == "kind" and isinstance(value, yaml.ScalarNode)]
    return str(kinds[0].value) if kinds else None


def check_keys(path: str) -> None:
    """Checks what a YAML parser passes over in silence: of a key that is given twice it takes the last value.

    Raises:
        ValueError: If the file cannot be read, is empty or not YAML, gives a key twice, or holds what
            `plain_yaml.check` refuses.
    """
    try:
        text = read_text(path)
        check(text)
        document = yaml.compose(text, Loader=yaml.SafeLoader)
    except (OSError, yaml.YAMLError) as error:
        raise ValueError(str(error)) from error
    if document is None:
        raise ValueError("the file is empty")
    _refuse_repeated_keys(document, "", {})


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
