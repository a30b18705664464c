"""Signals that ask a run to stop: it then finishes its meta-iteration and saves."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

from mamlrl.distributed.waiting import ended_while_waiting


@contextmanager
def handled(receive: Callable[[int], None]) -> Iterator[Callable[[], None]]:
    """Calls a function with the number of each SIGINT and SIGTERM in the block.

    Yields:
        Puts back the handlers of before, as does the end of the block.
    """

    def handle(number: int, frame: FrameType | None) -> None:
        del frame
        receive(number)

    def restore() -> None:
        for each, handler in previous.items():
            signal.signal(each, signal.SIG_DFL if handler is None else handler)  # None: it is not one of Python's

    previous = {each: signal.signal(each, handle) for each in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield restore
    finally:
        restore()


@contextmanager
def stop_signals() -> Iterator[list[int]]:
    """Collects SIGINT and SIGTERM, for the loop to end after the running iteration; a second one ends at once.

    Python handles signals in its main thread alone; elsewhere there is nothing to collect.
    """
    received: list[int] = []
    if threading.current_thread() is not threading.main_thread():
        yield received
        return

    def receive(number: int) -> None:
        received.append(number)
        restore()

    with handled(receive) as restore, ended_while_waiting():
        yield received
