"""What processes send each other in a meta-iteration."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from mamlrl.distributed.team import size, team


def of_processes() -> str:
    """Returns what ends a description of where something was measured, if several processes share it."""
    return f", {size()} processes" if size() > 1 else ""


@contextmanager
def counted_messages(iterations: int) -> Iterator[None]:
    """Prints what was summed over processes in each of the meta-iterations in the block, if there are several."""
    mine = team()
    before = (mine.messages, mine.bytes) if mine else (0, 0)
    yield
    if mine and mine.size > 1:
        print(f"{'sums over processes':<34}{(mine.messages - before[0]) / iterations:9.1f}")
        print(f"{'numbers summed':<34}{(mine.bytes - before[1]) / iterations / 1000:9.1f} kB")
