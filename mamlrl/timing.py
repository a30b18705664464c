"""Where the time of a meta-iteration goes."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from time import perf_counter

import torch


class PhaseTimer:
    """Adds up the seconds of named phases; a phase within another does not count for the outer one.

    Args:
        device: Device whose queued work a phase waits for.

    Attributes:
        seconds: Seconds that each phase took, by its name.
    """

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self._open: list[str] = []
        self._since = 0.0
        self.seconds: dict[str, float] = defaultdict(float)

    @contextmanager
    def phase(self, name: str) -> Iterator[None]:
        """Times the enclosed work."""
        self._switch()
        self._open.append(name)
        try:
            yield
        finally:
            self._switch()
            self._open.pop()

    def _switch(self) -> None:
        if self._device.type == "cuda":
            torch.cuda.synchronize(self._device)
        now = perf_counter()
        if self._open:
            self.seconds[self._open[-1]] += now - self._since
        self._since = now


def seconds_of(work: Callable[[], object], device: torch.device) -> float:
    """Returns how many seconds some work takes on a device."""
    timer = PhaseTimer(device)
    with timer.phase("work"):
        work()
    return timer.seconds["work"]
