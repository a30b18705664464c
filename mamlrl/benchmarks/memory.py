"""Peak memory of tensors."""

from __future__ import annotations

import os
from collections.abc import Callable
from itertools import accumulate

import torch
from torch.profiler import ProfilerActivity, profile

os.environ.setdefault("KINETO_LOG_LEVEL", "6")  # the profiler tells of its start and its end otherwise


def peak_memory(work: Callable[[], object], device: torch.device) -> int:
    """Runs `work`; returns the peak tensor memory in bytes, above what was already allocated.

    It is what PyTorch's allocators have handed out, to the byte, not what the process has taken from its system.
    """
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
        before = torch.cuda.memory_allocated(device)
        work()
        return torch.cuda.max_memory_allocated(device) - before
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # the profiler follows only the thread that it is in
    try:
        with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as record:
            work()
    finally:
        torch.set_num_threads(threads)
    events = sorted(record.profiler.kineto_results.events(), key=lambda event: event.start_ns())
    return max(accumulate((event.nbytes() for event in events if event.name() == "[memory]"), initial=0))
