"""What is wrong with a config, in words for people who do not know the parser."""

import re
from collections.abc import Mapping, Sequence

from mamlrl.errors import suggestion

_PLAIN_WORDS = [  # the parser's, and ours
    (r'Parser key "([^"]+)"( element \d+)?:', r"\1\2"),
    (r"Does not validate .*? Errors: - (.*) - Expected a <class 'NoneType'>.* Given value: (.*)", r"\1, \2"),
    (r"Not of type \w+:(?: \S+)? does not conform to restriction ([^,]+), (.*)", r"must be \1 or null, got \2"),
    (r"Not of type \w+: (\S+) does not conform to restriction (.+)", r"must be \2, got \1"),
    (r"Not of type \w+: (must be one of .*)", r"\1"),
    (r"\bv(<=|>=|<|>)", r"\1 "),
    (r"Not of type \w+: (?:invalid literal for int\(\) with base 10: '(.*)'|(\S+) not an integer)",
     r"must be a whole number, got \1\2"),
    (r"Not of type \w+: could not convert string to float: '(.*?)'(, .*)?$", r"must be a number, got \1"),
    (r"Not of type \w+: (?:int|float)\(\) argument must be .* not 'NoneType'", r"must have a value, not null"),
    (r"Expected a typing\.Literal\[(.*)\]\. Got value: ?", r"must be one of \1, got "),
    (r"Expected a <class 'bool'>\. Got value:", "must be true or false, got"),
    (r"Expected a <class 'tuple'>\. Got value:", "must be a list, such as [1, 2], got"),
    (r"Unable to load config '(.*?)' - .*", r"must have keys of its own, got \1"),
    (r"Expected a <class 'dict'>\. Got value:", "must have keys of its own, got"),
]  # fmt: skip


def explain(message: str, keys: Sequence[str], others: Mapping[str, Sequence[str]] | None = None) -> str:
    """Puts a parser's message into one line and plain words, and says more of an unknown key.

    Args:
        message: Of jsonargparse.
        keys: Those that there are, dotted.
        others: Keys of each other kind of experiment.
    """
    line = " ".join(message.split())
    key = _unknown_key(line)
    if key is not None:
        having = [kind for kind, names in (others or {}).items() if key in names]
        hint = (
            f"; it is a setting of experiments of kind {' or '.join(having)}" if having else suggestion(key, keys)
        )
        return f"{line}{hint}"
    for theirs, ours in _PLAIN_WORDS:
        line = re.sub(theirs, ours, line)
    return line


def _unknown_key(line: str) -> str | None:
    """Returns the dotted key that a message says there is not, if it says so."""
    option = re.search(r"unrecognized arguments: --([\w.]+)", line)
    if option:
        return option[1]
    unknown = re.search(r"(?:[Gg]roup '(?P<group>[^']+)' does not accept o|O)ption '(?P<key>[^']+)'", line)
    return ".".join(filter(None, [unknown["group"], unknown["key"]])) if unknown else None
