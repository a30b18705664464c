"""The floor under the outer step: its matrix products and nothing else."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from mamlrl.benchmarks.recorded_work import RecordedWork

# operations of PyTorch -> index of the first factor among the arguments
FIRST_FACTOR = {
    torch.ops.aten.mm: 0,
    torch.ops.aten.bmm: 0,
    torch.ops.aten.addmm: 1,
    torch.ops.aten.baddbmm: 1,
    torch.ops.aten.baddbmm_: 1,
}


class MatrixProducts(RecordedWork):
    """Records the matrix products of some work, which is done once, and repeats them on random numbers.

    Args:
        work: The work.

    Attributes:
        flops: Floating-point operations of all products: two for each multiplication.

    Example:
        >>> MatrixProducts(lambda: torch.ones(2, 3) @ torch.ones(3, 4)).flops
        48
    """

    def __init__(self, work: Callable[[], object]) -> None:
        self.flops = 0
        self._factors: dict[Any, tuple[Tensor, Tensor]] = {}
        super().__init__(work)

    def _record(self, func: Any, args: Sequence[Any], result: Any) -> None:
        first = FIRST_FACTOR.get(func.overloadpacket)
        if first is None:
            return
        left, right = args[first : first + 2]
        key = left.shape, right.shape, left.dtype
        if key not in self._factors:
            self._factors[key] = torch.randn_like(left), torch.randn_like(right)
        self._parts.append(self._factors[key])
        self._on_cpu = not left.is_cuda
        self.flops += 2 * left.numel() * right.shape[-1]

    def _again(self, parts: Sequence[tuple[Tensor, Tensor]]) -> None:
        for left, right in parts:
            left @ right
