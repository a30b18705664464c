"""Matrix products as tensor cores compute them, on any device: of rounded factors, summed in single precision."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from mamlrl.benchmarks.matrix_products import FIRST_FACTOR
from mamlrl.benchmarks.recorded_work import sees_all

FORMATS = {"TF32": 10, "bfloat16": 7}  # bits of a number after its leading 1; float32 has 23


class RoundedProducts(TorchDispatchMode):
    """Rounds the factors of matrix products to the nearest number of a format.

    Args:
        name: One of `FORMATS`.

    Example:
        >>> one = torch.ones(1, 1)
        >>> RoundedProducts("bfloat16").of(lambda: (one + 2**-7 + 2**-9) @ one)
        tensor([[1.0078]])
    """

    def __init__(self, name: str) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._dropped = 23 - FORMATS[name]

    def of(self, work: Callable[[], Tensor]) -> Tensor:
        """Returns what some work gives with rounded products."""
        with sees_all(self):
            return work()

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """See `TorchDispatchMode`."""
        first = FIRST_FACTOR.get(func.overloadpacket)
        if first is not None:
            factors = [self._rounded(each) for each in args[first : first + 2]]
            args = (*args[:first], *factors, *args[first + 2 :])
        return func(*args, **(kwargs or {}))

    def _rounded(self, values: Tensor) -> Tensor:
        """Rounds numbers of single precision to nearest, ties to even."""
        if values.dtype != torch.float32:
            return values
        bits = values.contiguous().view(torch.int32)
        odd = (bits >> self._dropped) & 1
        half = (1 << (self._dropped - 1)) - 1
        return ((bits + half + odd) >> self._dropped << self._dropped).view(torch.float32)
