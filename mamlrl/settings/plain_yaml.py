"""YAML that holds plain values alone, read in bounded time and memory: files, and values on a command line."""

from __future__ import annotations

import os
from typing import Any

import yaml

LARGEST_FILE = 2**18  # bytes
MOST_VALUES = 10_000  # with every alias replaced by what it stands for
DEEPEST = 50  # parts within parts
TOO_DEEP = f"parts lie within parts, more than {DEEPEST} deep"

_PREFIX = "tag:yaml.org,2002:"
_PLAIN_TAGS = {f"{_PREFIX}{name}" for name in ("null", "bool", "int", "float", "str", "seq", "map")}
_Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def read_text(path: str | os.PathLike[str]) -> str:
    """Returns the text of a small file: UTF-8 whatever the locale, with or without a byte-order mark.

    Raises:
        OSError: If it cannot be read.
        ValueError: If it is too large, or not UTF-8.
    """
    with open(path, "rb") as file:
        content = file.read(LARGEST_FILE + 1)
    if len(content) > LARGEST_FILE:
        raise ValueError(f"the file is larger than {LARGEST_FILE} bytes")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ValueError(f"the file is not text in UTF-8: {error}") from error


def load(text: str) -> Any:
    """Returns what a YAML document holds.

    Raises:
        ValueError: If it is not YAML, or holds what `check` refuses.
    """
    check(text)
    try:
        return yaml.load(text, Loader=_Loader)
    except yaml.YAMLError as error:
        raise ValueError(" ".join(str(error).split())) from error


def check(text: str) -> None:
    """Refuses what takes a parser for ever, or is no plain value; what is not YAML is for the parser to say.

    Raises:
        ValueError: If there are too many values or levels, an alias within what it stands for, or a tag such as
            `!!set`.
    """
    counts: list[int] = []  # values within each part that is open, itself included
    anchors: list[str | None] = []  # of the same parts
    sizes: dict[str | None, int] = {}  # values in what an anchor names
    try:
        for event in yaml.parse(text, Loader=_Loader):
            if isinstance(event, yaml.AliasEvent):
                _add(counts, _size(event.anchor, sizes, anchors))
            elif isinstance(event, yaml.ScalarEvent):
                _check_tag(event)
                _add(counts, 1)
                sizes[event.anchor] = 1
            elif isinstance(event, yaml.CollectionStartEvent):
                _check_tag(event)
                counts.append(1)
                anchors.append(event.anchor)
                if len(counts) > DEEPEST:
                    raise ValueError(TOO_DEEP)
            elif isinstance(event, yaml.CollectionEndEvent):
                size = counts.pop()
                sizes[anchors.pop()] = size
                _add(counts, size)
    except (yaml.YAMLError, UnicodeEncodeError):
        return


def check_values(value: Any, depth: int = 0) -> None:
    """Refuses the same in nested dicts and lists, whose texts may be read as YAML, too.

    Args:
        value: A dict, a list, or a single value.
        depth: How many parts it lies within.

    Raises:
        ValueError: See `check`.
    """
    if depth > DEEPEST:
        raise ValueError(TOO_DEEP)
    if isinstance(value, str):
        check(value)
    elif isinstance(value, dict | list | tuple):
        for item in value.values() if isinstance(value, dict) else value:
            check_values(item, depth + 1)


def _add(counts: list[int], number: int) -> None:
    if counts:
        counts[-1] += number
    if max(number, sum(counts)) > MOST_VALUES:
        raise ValueError(f"there are more than {MOST_VALUES} values, those that aliases stand for included")


def _size(anchor: str | None, sizes: dict[str | None, int], anchors: list[str | None]) -> int:
    if anchor in anchors:
        raise ValueError("an alias stands for a part that contains it")
    return sizes.get(anchor, 1)


def _check_tag(event: Any) -> None:
    tag = event.tag
    if tag is not None and tag.startswith(_PREFIX) and tag not in _PLAIN_TAGS:
        name = tag.removeprefix(_PREFIX)
        raise ValueError(
            f"line {event.start_mark.line + 1} has the tag !!{name}; take numbers, text, lists and keys"
        )
