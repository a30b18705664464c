"""What processes tell each other when a sum fails, in the store that the first keeps: errors, and who is left."""

from __future__ import annotations

from time import monotonic, sleep

from mamlrl.distributed.team import Team

ROLL_CALL = 3.0  # seconds in which processes that are left answer, when one is lost
HEARING = 60.0  # seconds in which all processes hear of an error, before the first ends, and its store with it


def missing(team: Team) -> list[int]:
    """Returns the ranks of the processes that no longer answer."""
    if team.store is None:
        return []
    try:
        return _call(team, "here", ROLL_CALL)
    except RuntimeError:  # the store has ended
        return [0]


def tell_error(team: Team, error: Exception) -> None:
    """Leaves an error for the others, who look for it when a sum fails, as it does once this process leaves."""
    try:
        team.store.set(f"mamlrl/error/{team.rank}", str(error))
    except RuntimeError:  # the first has ended, and so will all
        return


def told_errors(team: Team) -> dict[int, str]:
    """Returns the errors of the processes, by rank."""
    if team.store is None:
        return {}
    found: dict[int, str] = {}
    try:
        for rank in range(team.size):
            if team.store.check([f"mamlrl/error/{rank}"]):
                found[rank] = team.store.get(f"mamlrl/error/{rank}").decode()
    except RuntimeError:
        return found
    return found


def part(team: Team) -> None:
    """Leaves the others after an error; the first process, which keeps the store, is the last to leave."""
    try:
        if team.rank == 0:
            _call(team, "left", HEARING)
        else:
            team.store.set(f"mamlrl/left/{team.rank}", "")
    except RuntimeError:  # others have ended, too
        return


def _call(team: Team, word: str, seconds: float) -> list[int]:
    """Says a word, and returns the ranks of those that do not say it within some seconds."""
    keys = [f"mamlrl/{word}/{rank}" for rank in range(team.size)]
    until = monotonic() + seconds
    team.store.set(keys[team.rank], "")
    while not team.store.check(keys) and monotonic() < until:
        sleep(0.05)
    return [rank for rank, key in enumerate(keys) if not team.store.check([key])]
