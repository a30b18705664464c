"""What processes tell each other; with one alone, everything here gives back what it is given.

All processes call these functions in the same order. An error that one of them has on its way to the next call is
raised there by the others, see `joining.joined`.
"""

from __future__ import annotations

from collections.abc import Mapping
from time import monotonic
from typing import Any, TypeVar

import torch
import torch.distributed as dist
from torch import Tensor

from mamlrl.distributed.store import missing, tell_error, told_errors
from mamlrl.distributed.team import size, team
from mamlrl.errors import RunError, UserError

Value = TypeVar("Value")


class PeerError(RunError):
    """Another process had an error, which that process, or the first, tells."""


class LostPeerError(RunError):
    """Another process has ended, or cannot be reached.

    Args:
        message: Which one.
        tells: Whether this process is the one to tell.
    """

    def __init__(self, message: str, tells: bool = True) -> None:
        super().__init__(message)
        self.tells = tells


def all_sum(values: Tensor) -> Tensor:
    """Returns the sum of a tensor over all processes, on all of them the same to the last bit.

    Args:
        values: Of the same shape, type and kind of device on all processes; may be written to.

    Raises:
        PeerError: If a process has announced an error.
        LostPeerError: If a process has ended.
    """
    mine = team()
    if mine is not None:
        mine.messages += 1
        mine.bytes += values.nbytes
        _collectively(dist.all_reduce, values)
    return values


def gather(value: Value) -> list[Value]:
    """Returns what each process gave, by rank.

    Args:
        value: What can be pickled, and is small.

    Raises:
        PeerError: If a process has announced an error.
        LostPeerError: If a process has ended.
    """
    if team() is None:
        return [value]
    meet()
    return _gather(value)


def from_first(value: Value) -> Value:
    """Returns what the first process gave; see `gather`."""
    if team() is None:
        return value
    meet()
    values = [value]
    _collectively(dist.broadcast_object_list, values)
    return values[0]


def meet(word: int = 0) -> int:
    """Waits for all processes, with a word for each other; returns the largest, see `gather` for errors."""
    if team() is None:
        return word
    failed, largest = _meet(0, word)
    if failed:
        raise _first_of({rank: text for rank, text in enumerate(_gather("")) if text})
    return largest


def announce(error: Exception) -> None:
    """Tells the others of an error, which the next call of any function here raises there.

    With a process group that the caller of `joined` made, which stays, that call must not be `all_sum`.
    """
    mine = team()
    if mine is not None and mine.store is not None:
        tell_error(mine, error)
    elif size() > 1:
        _meet(1, 0)
        _gather(str(error))


def _first_of(errors: dict[int, str]) -> PeerError:
    rank, text = min(errors.items())
    return PeerError(text if rank == 0 else f"process {rank} of {size()}: {text}")


def _meet(failed: int, word: int) -> tuple[int, int]:
    words = torch.tensor([failed, word])
    _collectively(dist.all_reduce, words, dist.ReduceOp.MAX)
    return int(words[0]), int(words[1])


def _gather(value: Value) -> list[Value]:
    values: list[Any] = [None] * size()
    _collectively(dist.all_gather_object, values, value)
    return values


def _collectively(function: Any, *arguments: Any) -> None:
    """Calls a function that all processes call, and says who is missing if one is."""
    mine = team()
    assert mine is not None
    mine.since = monotonic()
    try:
        function(*arguments)
        if torch.cuda.is_initialized():
            torch.cuda.current_stream().synchronize()  # or a later operation would wait for a lost one
    except RuntimeError as error:
        errors = told_errors(mine)
        if errors:
            raise _first_of(errors) from error
        lost = missing(mine)
        names = ", ".join(map(str, lost)) or "another one"
        tells = min(set(range(size())) - set(lost), default=0) == mine.rank
        raise LostPeerError(f"of {size()} processes, {names} has ended, or cannot be reached", tells) from error
    finally:
        mine.since = None


def check_same(values: Mapping[str, Any], remedy: str) -> None:
    """Checks that all processes have the same values.

    Args:
        values: By what they are.
        remedy: What to do if not.

    Raises:
        UserError: If not; the message names the first difference.
    """
    first, *others = gather(dict(values))
    for rank, other in enumerate(others, start=1):
        for name in sorted(first.keys() | other.keys()):
            if first.get(name) != other.get(name):
                raise UserError(
                    f"{name}: process {rank} has {other.get(name)}, and process 0 {first.get(name)}; {remedy}"
                )
