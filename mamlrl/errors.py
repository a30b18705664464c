"""Errors that a user can act on: programs print them as one line and exit with status 2."""

import difflib
from collections.abc import Sequence


class UserError(Exception):
    """Input that cannot be used; the message names the culprit and the remedy."""


class NonFiniteError(UserError):
    """An environment returned an infinite or undefined number."""


def suggestion(word: object, names: Sequence[str]) -> str:
    """Returns what ends a message on an unknown word: the nearest known name, or nothing if none is near."""
    nearest = difflib.get_close_matches(word, names, n=1, cutoff=0.4) if isinstance(word, str) else []
    return f"; did you mean {nearest[0]}?" if nearest else ""
