"""Environments that are made for a look at them, and closed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Protocol

from mamlrl.errors import FOREIGN_ERRORS, UserError, one_line


class Closable(Protocol):
    """What can be closed."""

    def close(self) -> None:
        """Releases what it holds."""


@contextmanager
def closed_after(name: str, env: Closable) -> Iterator[None]:
    """Closes an environment at the end of the block; an error in the block is told before one of `close`.

    Args:
        name: Name of the environment in messages.
        env: The environment.

    Raises:
        UserError: If nothing but `close` raises an error.
    """
    try:
        yield
    except BaseException:
        with suppress(*FOREIGN_ERRORS):
            env.close()
        raise
    try:
        env.close()
    except FOREIGN_ERRORS as error:
        raise UserError(f"env.id: {name}: close raised {one_line(error)}") from error
