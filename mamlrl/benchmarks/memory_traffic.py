"""The floor under the outer step's elementwise operations: the bytes that they move, copied and nothing else."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import torch
from torch import Tensor

from mamlrl.benchmarks.matrix_products import FIRST_FACTOR
from mamlrl.benchmarks.recorded_work import RecordedWork
from mamlrl.timing import seconds_of

LARGE = 2**28  # bytes that no cache of a processor holds


class MemoryTraffic(RecordedWork):
    """Records what all operations of some work but its matrix products read and write, and copies as much again.

    An operation moves its arguments once and its results once, of tensors that are expanded the memory that they
    have; views move nothing. Copies are of the size of each operation, so that they find the same caches, and on a
    GPU there are as many of them as of operations.

    Args:
        work: The work, which is done once.

    Attributes:
        bytes: Bytes that are read or written by all operations.

    Example:
        >>> x = torch.ones(1000)
        >>> MemoryTraffic(lambda: x + x.view(10, 100).flatten()).bytes
        12000
    """

    def __init__(self, work: Callable[[], object]) -> None:
        self.bytes = 0
        self._device = torch.device("cpu")
        super().__init__(work)

    def _record(self, func: Any, args: Sequence[Any], result: Any) -> None:
        if func.overloadpacket in FIRST_FACTOR or _is_view(func):
            return
        given, made = list(_tensors(args)), list(_tensors([result]))
        moved = sum(map(_size, given)) + sum(map(_size, made))
        if not moved:
            return
        for tensor in made:
            self._device, self._on_cpu = tensor.device, not tensor.is_cuda
        self.bytes += moved
        self._parts.append(moved // 2)

    def _again(self, parts: Sequence[int]) -> None:
        source, target = torch.zeros((2, max(parts, default=0)), dtype=torch.uint8, device=self._device)
        for size in parts:
            target[:size].copy_(source[:size])


def copy_bandwidth(device: torch.device) -> float:
    """Returns the bytes in a second, those that are read and those that are written, of a large copy."""
    source, target = torch.zeros((2, LARGE), dtype=torch.uint8, device=device)
    target.copy_(source)  # takes the memory from the system
    return 2 * LARGE / min(seconds_of(lambda: target.copy_(source), device) for _ in range(5))


def _is_view(func: Any) -> bool:
    """Whether an operation returns the memory of an argument without writing to it."""
    returned = func._schema.returns
    return bool(returned) and all(r.alias_info is not None and not r.alias_info.is_write for r in returned)


def _tensors(values: Any) -> Iterator[Tensor]:
    """Yields the tensors in arguments or results."""
    for value in values:
        if isinstance(value, Tensor):
            yield value
        elif isinstance(value, tuple | list):
            yield from _tensors(value)


def _size(tensor: Tensor) -> int:
    """Bytes of the memory that a tensor has, which an expanded one has once."""
    pairs = zip(tensor.shape, tensor.stride(), strict=True)
    count = 1
    for length, stride in pairs:
        count *= length if stride or not length else 1
    return count * tensor.element_size()
