"""Several processes that share the tasks of a run, as forks of this one: those of torchrun take longer."""

import os
import socket

import torch
from forks import Fork
from programs import run

JOIN_SECONDS = "60"


def free_port():
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]


def start_team(size, function, ranks=None, **variables):
    """Starts processes as torchrun does: a function of the rank, whose value is the exit status.

    Args:
        size: How many there are said to be.
        function: Takes the rank.
        ranks: Those that are started; all by default.
        **variables: Of their environment.
    """
    place = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(free_port()), "MAMLRL_JOIN_TIMEOUT": JOIN_SECONDS}

    def prepare(rank):
        os.environ |= {
            **place,
            "RANK": str(rank),
            "WORLD_SIZE": str(size),
            "LOCAL_WORLD_SIZE": str(size),
            **variables,
        }
        torch.set_num_threads(1)

    return [
        Fork(lambda rank=rank: function(rank), lambda rank=rank: prepare(rank))
        for rank in (range(size) if ranks is None else ranks)
    ]


def team(size, function, ranks=None, **variables):
    """Runs processes to their end."""
    return [fork.wait() for fork in start_team(size, function, ranks, **variables)]


def program_team(size, *arguments, of_rank=lambda rank: (), prepare=lambda rank: None, ranks=None, **variables):
    """Runs a program in several processes; `of_rank` gives further arguments, and `prepare` is called before."""

    def function(rank):
        prepare(rank)
        return run(*map(str, (*arguments, *of_rank(rank))))

    return team(size, function, ranks, **variables)


def refusal_of(ended):
    """Returns the only line, which the first process prints; all end with status 2."""
    assert [each.status for each in ended] == [2] * len(ended), list(map(str, ended))
    first, *others = (each.lines for each in ended)
    assert len(first) == 1, first
    assert not any(others), others
    return first[0]
