"""Files that are written whole or not at all, and what users are told when they cannot be."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from mamlrl.errors import UserError

AnyPath = str | os.PathLike[str]


@contextmanager
def os_errors_as(failure: str, consequence: str = "") -> Iterator[None]:
    """Turns an `OSError` of the block into a `UserError`.

    Args:
        failure: Begins the message, such as `cannot write runs/config.yaml`; the reason follows.
        consequence: Ends the message.

    Raises:
        UserError: If the block raises an `OSError`.
    """
    try:
        yield
    except OSError as error:
        raise UserError(f"{failure}: {error}{consequence}") from error


@contextmanager
def replaced(path: Path) -> Iterator[BinaryIO]:
    """Opens a temporary file that is flushed to disk and becomes `path` when the block ends without an error.

    Raises:
        OSError: If the file cannot be written; `path` is as it was, and the temporary file is gone.
    """
    temporary = path.parent / f"{path.name}.tmp"
    try:
        with open(temporary, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


@contextmanager
def written(path: AnyPath) -> Iterator[BinaryIO]:
    """Opens a file that appears at `path`, in a new folder if need be, when the block ends without an error.

    Where `path` is a link, it stays one and what it points to is replaced. A device or a pipe, such as
    `/dev/stdout`, cannot be replaced and is written to directly.

    Raises:
        UserError: If the file cannot be written; what was at `path` is as it was.
    """
    path = Path(path)
    with os_errors_as(f"cannot write {path}"):
        path.parent.mkdir(parents=True, exist_ok=True)
        replaceable = path.is_file() or not path.exists()
        target = Path(os.path.realpath(path))
        with replaced(target) if replaceable else open(path, "wb") as file:
            yield file


def write_text(path: AnyPath, text: str) -> None:
    """Writes a text file in UTF-8, see `written`."""
    with written(path) as file:
        file.write(text.encode())
