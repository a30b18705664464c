"""Standard output and standard error: that nobody can read them never stops a program's work."""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Callable
from contextlib import suppress
from typing import Any, TextIO


class Stream:
    """A text stream that keeps its first failure instead of raising it, and drops what is written later.

    Args:
        stream: The stream to write to; None for one that was closed before the program began.

    Attributes:
        failure: Why something could not be written; None while everything could.
    """

    def __init__(self, stream: TextIO | None) -> None:
        self._stream = stream
        self.failure: Exception | None = None

    def write(self, text: str) -> int:
        """Writes text; characters that the stream cannot encode become escapes."""
        self._attempt(self._write, text)
        return len(text)

    def flush(self) -> None:
        """Writes what is buffered."""
        if self._stream is not None:
            self._attempt(self._stream.flush)

    def _write(self, text: str) -> None:
        if self._stream is None:
            raise OSError(errno.EBADF, os.strerror(errno.EBADF))
        try:
            self._stream.write(text)
        except UnicodeEncodeError:
            encoding = self._stream.encoding or "ascii"
            self._stream.write(text.encode(encoding, "backslashreplace").decode(encoding))

    def _attempt(self, action: Callable[..., Any], *arguments: Any) -> None:
        if self.failure is not None:
            return
        try:
            action(*arguments)
        except (OSError, ValueError) as error:  # of a closed stream, Python raises a ValueError
            self.failure = error
            _divert(self._stream)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


def note(text: str) -> None:
    """Prints a line on standard error, where that is possible."""
    stream = Stream(sys.stderr)
    stream.write(f"{text}\n")
    stream.flush()


def is_terminal(stream: TextIO | None) -> bool:
    """Returns whether a stream is one that a person reads as it is written."""
    try:
        return stream is not None and stream.isatty()
    except ValueError:  # it is closed
        return False


def reserve_standard_streams() -> None:
    """Keeps files from taking the places of standard streams that were closed before the program began."""
    for number in (0, 1, 2):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # takes the lowest number that is free


def _divert(stream: TextIO | None) -> None:
    """Lets what a stream still buffers go nowhere, for Python not to fail on it at its end."""
    with suppress(OSError, ValueError, AttributeError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        try:
            if stream is not None and stream.fileno() in (1, 2):
                os.dup2(nowhere, stream.fileno())
        finally:
            os.close(nowhere)
