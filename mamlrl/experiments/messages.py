"""What is wrong with a config, in words for people who do not know the parser."""

import re
from collections.abc import Mapping, Sequence

from mamlrl.errors import suggestion

_PLAIN_WORDS = [  # the parser's, and ours
    (r'Parser key "([^"]+)"( element \d+)?:', r"\1\2"),
    (r"Does not validate .*? Errors: - (.*) - Expected a <class 'NoneType'>.* Given value: ?(.*)", r"\1, \2"),
    (r"Not of type \w+:(?: \S+)? does not conform to restriction ([^,]+), (.*)", r"must be \1 or null, got \2"),
    (r"Not of type \w+: (\S+) does not conform to restriction (.+)", r"must be \2, got \1"),
    (r"Not of type \w+: (must be of a size .*), got (\S+), \S+$", r"\1 or null, got \2"),
    (r"Not of type \w+: (must be .*|\S+ cannot be imported .*)", r"\1"),
    (r"\bv(<=|>=|<|>)", r"\1 "),
    (r"Not of type \w+: (?:invalid literal for int\(\) with base 10: (['\"])(.*?)\1|(\S+) not an integer)(, .*)?$",
     r"must be a whole number, got \2\3"),
    (r"Not of type \w+: could not convert string to float: (['\"])(.*?)\1(, .*)?$", r"must be a number, got \2"),
    (r"Not of type \w+: (\S+) not a number", r"must be a number, got \1"),
    (r"Not of type \w+: (?:int|float)\(\) argument must be .* not 'NoneType'", r"must have a value, not null"),
    (r"Not of type \w+: int\(\) argument must be .* not '(\w+)'.*", r"must be a whole number, not a \1"),
    (r"Not of type \w+: float\(\) argument must be .* not '(\w+)'.*", r"must be a number, not a \1"),
    (r"Expected a typing\.Literal\[(.*)\]\. Got value: ?", r"must be one of \1, got "),
    (r"Expected a <class 'bool'>\. Got value:", "must be true or false, got"),
    (r"Expected a <class 'str'>\. Got value:", "must be text, got"),
    (r"Expected a <class 'int'>\. Got value:", "must be a whole number, got"),
    (r"Expected a <class 'float'>\. Got value:", "must be a number, got"),
    (r"Expected a <class 'tuple'>\. Got value:", "must be a list, such as [1, 2], got"),
    (r"Unable to load config (['\"])(.*?)\1 - .*", r"must have keys of its own, got \2"),
    (r"Expected a <class 'dict'>\. Got value:", "must have keys of its own, got"),
    (r"Exceeds the limit \(\d+ digits\) for integer string conversion.*", "must be a number of fewer digits"),
    (r"Key must be a string, got: (.*)\.$", r"a key must be text, got \1"),
    (r", got None$", ", got null"),
    (r"(\S{80})\S{80,}", r"\1..."),  # a value as long as an article
]  # fmt: skip


def explain(
    message: str, keys: Sequence[str], kind: str = "", others: Mapping[str, Sequence[str]] | None = None
) -> str:
    """Puts a parser's message into one line and plain words, and says more of an unknown key.

    Args:
        message: Of jsonargparse.
        keys: Those that there are, dotted.
        kind: Kind of experiment that has them.
        others: Keys of each other kind of experiment.
    """
    line = " ".join(message.split())
    key = _unknown_key(line)
    if key is not None:
        return f"{line}{_hint(key, keys, kind, others or {})}"
    for theirs, ours in _PLAIN_WORDS:
        line = re.sub(theirs, ours, line)
    return line


def _hint(key: str, keys: Sequence[str], kind: str, others: Mapping[str, Sequence[str]]) -> str:
    """Says which other kind of experiment has the key, or the longest part of it, else which key is nearest."""
    part = key
    while part and part not in keys:
        having = [other for other, names in others.items() if part in names]
        if having:
            kinds = " or ".join(having)
            return f"; {part} is a setting of experiments of kind {kinds}, and this one is of kind {kind}"
        part = part.rpartition(".")[0]
    underlined = key.replace("-", "_")
    return f"; did you mean {underlined}?" if underlined in keys else suggestion(key, keys)


def _unknown_key(line: str) -> str | None:
    """Returns the dotted key that a message says there is not, if it says so."""
    option = re.search(r"unrecognized arguments: --([\w.-]+)", line)
    if option:
        return option[1]
    unknown = re.search(r"(?:[Gg]roup '(?P<group>[^']+)' does not accept o|O)ption '(?P<key>[^']+)'", line)
    return ".".join(filter(None, [unknown["group"], unknown["key"]])) if unknown else None
