"""Blocks of tasks side by side on all cores, with results that do not depend on the number of threads.

PyTorch can split one operation among threads, which is of little use where there are many small ones, and may
change the order of sums. Here every operation has one thread, and the blocks are divided among Python's threads
instead: PyTorch leaves Python's lock in its operations.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import cache
from typing import Any, TypeVar

import torch

Result = TypeVar("Result")

_before = threading.local()  # number: threads of PyTorch before `one_thread_per_operation`


@contextmanager
def one_thread_per_operation() -> Iterator[int]:
    """PyTorch's operations have one thread each in the context, which `map_blocks` does not count as a wish.

    Yields:
        How many threads PyTorch had before, as set by `OMP_NUM_THREADS` or `torch.set_num_threads`.
    """
    if hasattr(_before, "number"):
        yield _before.number
        return
    _before.number = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield _before.number
    finally:
        torch.set_num_threads(_before.number)
        del _before.number


def map_blocks(function: Callable[..., Result], *arguments: Sequence[Any]) -> list[Result]:
    """Evaluates a function of each block, as many at the same time as PyTorch has threads.

    Args:
        function: Evaluated in several threads at the same time, each time with PyTorch's operations in one thread.
        *arguments: Its arguments, a sequence of one for each block; all of the same length.

    Returns:
        The results, in the order of the blocks.

    Raises:
        Exception: What the function raises for the first block for which it does.

    Example:
        >>> map_blocks(torch.dot, [torch.ones(2), torch.ones(3)], [torch.ones(2), torch.ones(3)])
        [tensor(2.), tensor(3.)]
    """
    if torch.compiler.is_compiling():  # the compiler divides the work by itself
        return list(map(function, *arguments))
    with one_thread_per_operation() as threads:
        if min(threads, len(arguments[0])) < 2:
            return list(map(function, *arguments))
        inference, gradients = torch.is_inference_mode_enabled(), torch.is_grad_enabled()

        def evaluate(*block: Any) -> Result:
            with torch.inference_mode(inference), torch.set_grad_enabled(gradients):  # these belong to a thread
                return function(*block)

        return list(_pool(threads).map(evaluate, *arguments))


@cache
def _pool(threads: int) -> ThreadPoolExecutor:
    """Threads that stay, as do their buffers of memory."""
    return ThreadPoolExecutor(threads, "mamlrl", initializer=torch.set_num_threads, initargs=(1,))


os.register_at_fork(after_in_child=_pool.cache_clear)  # a copy of the process has none of its threads
