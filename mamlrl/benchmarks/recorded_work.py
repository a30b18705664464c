"""Work that is done once to see what it consists of; its bare parts are then done again, which is its floor."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode

from mamlrl.threads import map_blocks


@contextmanager
def sees_all(mode: TorchDispatchMode) -> Iterator[None]:
    """Shows a mode all operations of the block, which are in this thread: others' would not be seen."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with mode:
            yield
    finally:
        torch.set_num_threads(threads)


class RecordedWork(TorchDispatchMode, ABC):
    """Sees every operation of some work; subclasses keep what is to be repeated.

    Args:
        work: The work, which is done once.
    """

    def __init__(self, work: Callable[[], object]) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._parts: list[Any] = []
        self._on_cpu = True
        with sees_all(self):
            work()

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """See `TorchDispatchMode`."""
        result = func(*args, **(kwargs or {}))
        self._record(func, args, result)
        return result

    @abstractmethod
    def _record(self, func: Any, args: Sequence[Any], result: Any) -> None:
        """Adds to the parts what is to be repeated of an operation, if anything, and says where it was done."""

    @abstractmethod
    def _again(self, parts: Sequence[Any]) -> None:
        """Repeats some of the parts."""

    def repeat(self) -> None:
        """Repeats all parts, on all cores of a CPU."""
        threads = torch.get_num_threads() if self._on_cpu else 1
        map_blocks(self._again, [self._parts[thread::threads] for thread in range(threads)])
