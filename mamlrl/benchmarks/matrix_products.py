"""The floor under the outer step: its matrix products and nothing else."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from mamlrl.threads import map_blocks

# operations of PyTorch -> index of the first factor among the arguments
FIRST_FACTOR = {
    torch.ops.aten.mm: 0,
    torch.ops.aten.bmm: 0,
    torch.ops.aten.addmm: 1,
    torch.ops.aten.baddbmm: 1,
    torch.ops.aten.baddbmm_: 1,
}


class MatrixProducts(TorchDispatchMode):
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
        super().__init__()  # type: ignore[no-untyped-call]
        self.flops = 0
        self._factors: dict[Any, tuple[Tensor, Tensor]] = {}
        self._products: list[tuple[Tensor, Tensor]] = []
        threads = torch.get_num_threads()
        torch.set_num_threads(1)  # only operations of this thread are seen
        try:
            with self:
                work()
        finally:
            torch.set_num_threads(threads)

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """See `TorchDispatchMode`."""
        first = FIRST_FACTOR.get(func.overloadpacket)
        if first is not None:
            self._record(*args[first : first + 2])
        return func(*args, **(kwargs or {}))

    def _record(self, left: Tensor, right: Tensor) -> None:
        key = left.shape, right.shape, left.dtype
        if key not in self._factors:
            self._factors[key] = torch.randn_like(left), torch.randn_like(right)
        self._products.append(self._factors[key])
        self.flops += 2 * left.numel() * right.shape[-1]

    def repeat(self) -> None:
        """Takes all products again, on all cores of a CPU."""
        threads = 1 if any(left.is_cuda for left, _ in self._products) else torch.get_num_threads()
        map_blocks(_multiply, [self._products[thread::threads] for thread in range(threads)])


def _multiply(products: list[tuple[Tensor, Tensor]]) -> None:
    for left, right in products:
        left @ right
