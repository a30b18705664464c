"""Processes that wait in vain for another one end when they are asked to stop."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from time import monotonic

from mamlrl.console import note
from mamlrl.distributed.team import Team, size, team

GRACE = 20.0  # seconds to wait on, after a signal; torchrun ends processes after thirty


@contextmanager
def ended_while_waiting() -> Iterator[None]:
    """Ends this process after SIGINT or SIGTERM in the block, if it then waits for another one for too long.

    Handlers of signals in Python run when an operation has ended, which one that waits may never do. For the main
    thread.
    """
    mine = team()
    if mine is None or size() == 1:
        yield
        return
    readable, writable = os.pipe()
    os.set_blocking(writable, False)
    before = signal.set_wakeup_fd(writable, warn_on_full_buffer=False)  # told of signals at once
    over = threading.Event()
    guard = threading.Thread(target=_guard, args=(mine, readable, over), daemon=True)
    guard.start()
    try:
        yield
    finally:
        over.set()
        signal.set_wakeup_fd(before)
        os.close(writable)
        guard.join()
        os.close(readable)


def call_within(seconds: float, function: Callable[[], object]) -> None:
    """Calls a function that may wait in vain for other processes, and leaves it alone if it does.

    Signals are handled meanwhile.

    Args:
        seconds: How long to wait for it.
        function: Called in a thread of its own.

    Raises:
        TimeoutError: If it takes longer.
    """
    errors: list[Exception] = []

    def call() -> None:
        try:
            function()
        except Exception as error:
            errors.append(error)

    thread = threading.Thread(target=call, daemon=True)
    thread.start()
    thread.join(seconds)
    if thread.is_alive():
        raise TimeoutError(f"not done within {seconds:g} s")
    for error in errors:
        raise error


def _guard(mine: Team, readable: int, over: threading.Event) -> None:
    while number := int.from_bytes(os.read(readable, 1)):
        while number in (signal.SIGINT, signal.SIGTERM) and not over.wait(min(1.0, GRACE)):
            since = mine.since
            if since is not None and monotonic() - since > GRACE:
                note("mamlrl: stopped while it waited for another process; the last checkpoint is kept")
                os._exit(128 + number)
