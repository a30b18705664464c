"""Errors that a user can act on: programs print them as one line and exit with status 2."""

import difflib
import textwrap
from collections.abc import Sequence

FOREIGN_ERRORS = (Exception, SystemExit)  # what others' code raises; an interrupt is the user's, who means to stop


class UserError(Exception):
    """Input that cannot be used; the message names the culprit and the remedy."""


class RunError(UserError):
    """What stops a run on its way, which can go on from its last checkpoint."""


class NonFiniteError(RunError):
    """A number is infinite, undefined, or absurdly large."""


class LearningError(NonFiniteError):
    """Learning made such a number: parameters, what is computed from them, or the actions they choose.

    Args:
        message: Which number it is, and where.
        outer: Whether the outer step made it, rather than adaptation.
    """

    def __init__(self, message: str, outer: bool = False) -> None:
        super().__init__(message)
        self.outer = outer


class TaskEnvError(RunError):
    """An environment raised an error, or returned what its contract does not allow."""


class DivergenceError(RunError):
    """Every simulation of a task diverged."""


def one_line(error: BaseException) -> str:
    """Returns an error's type and what it says, on one line that is not too long for people to read."""
    text = textwrap.shorten(str(error), 500, placeholder=" ...")
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def suggestion(word: object, names: Sequence[str]) -> str:
    """Returns what ends a message on an unknown word: the nearest known name, or nothing if none is near."""
    nearest = difflib.get_close_matches(word, names, n=1, cutoff=0.4) if isinstance(word, str) else []
    return f"; did you mean {nearest[0]}?" if nearest else ""
