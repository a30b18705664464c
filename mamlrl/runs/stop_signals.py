"""Signals that ask a run to stop: it then finishes its meta-iteration and saves."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from mamlrl.distributed.waiting import ended_while_waiting


@contextmanager
def stop_signals() -> Iterator[list[int]]:
    """Collects SIGINT and SIGTERM, for the loop to end after the running iteration; a second one ends at once.

    Python handles signals in its main thread alone; elsewhere there is nothing to collect.
    """
    received: list[int] = []
    if threading.current_thread() is not threading.main_thread():
        yield received
        return

    def receive(number: int, frame: FrameType | None) -> None:
        del frame
        received.append(number)
        restore_handlers()

    def restore_handlers() -> None:
        for each, handler in previous.items():
            signal.signal(each, signal.SIG_DFL if handler is None else handler)  # None: it is not one of Python's

    previous = {each: signal.signal(each, receive) for each in (signal.SIGINT, signal.SIGTERM)}
    try:
        with ended_while_waiting():
            yield received
    finally:
        restore_handlers()
