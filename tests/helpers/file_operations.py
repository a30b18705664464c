"""Something happens at the n-th file operation below a folder: in a fork, as nothing is put back."""

import builtins
import errno
import io
import os
import signal
from functools import wraps

CALLS = ("replace", "rename", "unlink", "remove", "mkdir", "rmdir", "open", "fsync", "link", "symlink", "truncate")


class FileOperations:
    """Counts what is opened, written, flushed, moved and removed below a folder.

    Args:
        folder: Operations on paths outside of it pass.
        action: Called with the number of every operation, from 1, and its name, before it happens, or half-way
            through a write.
        report: File to write the number of operations to; None for none.
    """

    def __init__(self, folder, action, report=None):
        self._folder, self._action, self._report = str(folder), action, report
        self._count = 0

    def install(self):
        """Replaces the functions of this process."""
        for name in CALLS:
            setattr(os, name, self._counted(name, getattr(os, name)))
        builtins.open = io.open = self._opened(builtins.open)

    def count(self, name):
        """Counts an operation."""
        self._count += 1
        if self._report is not None:
            self._report.seek(0)
            self._report.write(f"{self._count:9d}")
            self._report.flush()
        self._action(self._count, name)

    def _concerns(self, path):
        if isinstance(path, int):
            path = os.readlink(f"/proc/self/fd/{path}")
        return os.path.abspath(os.fsdecode(path)).startswith(self._folder)

    def _counted(self, name, function):
        @wraps(function)
        def call(path, *arguments, **options):
            if self._concerns(path):
                self.count(name)
            return function(path, *arguments, **options)

        return call

    def _opened(self, function):
        @wraps(function)
        def call(file, mode="r", buffering=-1, encoding=None, errors=None, newline=None, *rest, **options):
            if isinstance(file, int) or not self._concerns(file):
                return function(file, mode, buffering, encoding, errors, newline, *rest, **options)
            writes = set(mode) & set("wax+")
            self.count(f"open to {'write' if writes else 'read'}")
            if not writes or "+" in mode:
                return function(file, mode, buffering, encoding, errors, newline, *rest, **options)
            buffered = io.BufferedWriter(_CountedFile(self, file, mode.replace("b", "").replace("t", "")))
            if "b" in mode:
                return buffered
            return io.TextIOWrapper(buffered, encoding, errors, newline)

        return call


class _CountedFile(io.FileIO):
    """A file whose every write is counted when half of it is done."""

    def __init__(self, operations, path, mode):
        super().__init__(path, mode)
        self._operations = operations

    def write(self, data):
        data = bytes(data)
        half = len(data) // 2
        written = super().write(data[:half]) if half else 0
        self._operations.count("write")
        return written + super().write(data[half:])


def signals_at(place, number):
    """Sends this process a signal at an operation."""

    def action(count, name):
        del name
        if count == place:
            os.kill(os.getpid(), number)

    return action


def full_from(place):
    """A disk that is full from an operation on: what would need room fails."""

    def action(count, name):
        if count >= place and name in ("open to write", "write", "fsync", "mkdir", "replace", "link", "symlink"):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    return action


def number_of_operations(file):
    """Reads what a report says."""
    file.seek(0)
    return int(file.read() or 0)


KILLS = (signal.SIGKILL, signal.SIGTERM, signal.SIGINT)
