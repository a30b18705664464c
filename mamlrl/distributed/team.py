"""Which processes there are, and which tasks each of them has."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

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
    """

    rank: int
    size: int
    store: Any = None
    messages: int = 0
    bytes: int = 0


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
