"""Which processes there are, and which tasks each of them has."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Any, Self

import torch

from mamlrl.errors import UserError


@dataclass
class Team:
    """The processes of a run, by `torch.distributed`, whose default process group is theirs.

    Attributes:
        rank: Number of this process.
        size: Number of processes.
        store: Where processes leave word for each other; None if it is not known.
        messages: Calls of `all_sum` so far.
        bytes: Bytes that they summed.
        since: When this process began to wait for the others, by `time.monotonic`; None while it does not.
    """

    rank: int
    size: int
    store: Any = None
    messages: int = 0
    bytes: int = 0
    since: float | None = None


_teams: list[Team] = []  # empty while this process is alone


def enter(team: Team) -> None:
    """Makes this process one of several."""
    _teams.append(team)


def leave() -> None:
    """Makes this process one alone again."""
    _teams.clear()


def team() -> Team | None:
    """Returns the processes of the run; None if this one is alone."""
    return _teams[0] if _teams else None


def size() -> int:
    """Returns the number of processes."""
    return _teams[0].size if _teams else 1


def processes_here() -> int:
    """Returns the number of processes on this machine, as their launcher says."""
    return min(size(), int(os.environ.get("LOCAL_WORLD_SIZE", size())))


def is_first() -> bool:
    """Returns whether this is the process that writes and talks."""
    return not _teams or _teams[0].rank == 0


@dataclass(frozen=True)
class Share:
    """The tasks of a meta-batch that one process has.

    Attributes:
        tasks: Their numbers.
        total: Number of tasks of all processes.
    """

    tasks: range
    total: int

    @classmethod
    def whole(cls, total: int) -> Self:
        """Returns all of a meta-batch."""
        return cls(range(total), total)

    @property
    def is_all(self) -> bool:
        """Whether this process has all tasks."""
        return len(self.tasks) == self.total

    @property
    def part(self) -> slice:
        """Where they are along a task axis."""
        return slice(self.tasks.start, self.tasks.stop)


def share_of(name: str, total: int) -> Share:
    """Returns the tasks of this process: consecutive ones, as many as those of the others, or one more.

    Args:
        name: Setting that says how many tasks there are.
        total: Their number.

    Raises:
        UserError: If there are fewer tasks than processes.
    """
    if total < size():
        raise UserError(f"{name}: {total} tasks cannot be shared by {size()} processes; start {total} at most")
    rank = _teams[0].rank if _teams else 0
    most, more = divmod(total, size())
    start = rank * most + min(rank, more)
    return Share(range(start, start + most + (rank < more)), total)


def share_if_enough(total: int) -> Share:
    """Returns the tasks of this process as `share_of` does, or all where there are fewer tasks than processes.

    Args:
        total: Number of tasks.
    """
    return share_of("tasks", total) if total >= size() else Share.whole(total)


def check_own_gpu(name: str) -> None:
    """Checks that the processes on this machine have a GPU each, if a device is one.

    Args:
        name: The device, which exists.

    Raises:
        UserError: If they would share one.
    """
    if torch.device(name).type != "cuda" or processes_here() == 1:
        return
    if ":" in name:
        raise UserError(f"device: {name} would be shared by several processes; cuda is the own GPU of each")
    if processes_here() > torch.cuda.device_count():
        raise UserError(
            f"device: {processes_here()} processes on this machine have {torch.cuda.device_count()} GPUs; "
            "start as many processes as there are GPUs"
        )
