"""Joining the other processes of a run that `torchrun` or environment variables started, and leaving them."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from datetime import timedelta
from time import monotonic
from typing import Any

import torch
import torch.distributed as dist
from torch.distributed.rendezvous import rendezvous

from mamlrl._version import __version__
from mamlrl.distributed.exchange import LostPeerError, PeerError, announce, check_same, meet
from mamlrl.distributed.store import part
from mamlrl.distributed.team import Team, enter, leave, team
from mamlrl.distributed.waiting import call_within
from mamlrl.errors import UserError

VARIABLES = ("RANK", "WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT")
JOIN_TIMEOUT = "MAMLRL_JOIN_TIMEOUT"  # environment variable: seconds to wait for the others at the start
DEFAULT_JOIN_TIMEOUT = 300.0
TIMEOUT = timedelta(minutes=30)  # for one that is slower than the others


def is_wanted() -> bool:
    """Returns whether this process was started as one of several."""
    return dist.is_available() and (dist.is_initialized() or ("RANK" in os.environ and "WORLD_SIZE" in os.environ))


@contextmanager
def joined() -> Iterator[None]:
    """Shares the work in the block with the other processes that were started with this one, if there are any.

    A process group that the caller has made by `torch.distributed` is used, and kept. A UserError in the block is
    raised by all processes, by the others as a PeerError.

    Raises:
        UserError: If a process cannot reach the others, or has another version.
    """
    if team() is not None or not is_wanted():
        yield
        return
    own = not dist.is_initialized()
    mine = _join() if own else Team(dist.get_rank(), dist.get_world_size())
    enter(mine)
    told = False
    try:
        yield from _together()
    except UserError as error:
        told = not isinstance(error, LostPeerError)
        raise
    finally:
        leave()
        if own:
            dist.destroy_process_group()  # where others wait for this process, they find out
        if own and told:
            part(mine)


def _together() -> Iterator[None]:
    try:
        versions = {"mamlrl": __version__, "torch": torch.__version__}
        versions["processor"] = torch.backends.cpu.get_cpu_capability()  # others round otherwise
        check_same(versions, "start the same program on machines of the same kind")
        yield
        meet()
    except (PeerError, LostPeerError):
        raise
    except UserError as error:
        announce(error)
        raise


@contextmanager
def quiet_unless_first() -> Iterator[None]:
    """Lets what processes other than the first print go nowhere."""
    if int(os.environ.get("RANK", "0")) == 0:
        yield
        return
    with open(os.devnull, "w", encoding="utf-8") as nowhere, redirect_stdout(nowhere), redirect_stderr(nowhere):
        yield


def tells(error: UserError) -> bool:
    """Returns whether this process is the one of several that prints an error."""
    cause: BaseException | None = error
    lost = None
    while cause is not None:
        lost, cause = (cause if isinstance(cause, LostPeerError) else lost), cause.__cause__
    if lost is not None:
        return lost.tells
    return os.environ.get("RANK", "0") == "0" or not is_wanted()


def _join() -> Team:
    """Makes the process group; CPU tensors go by gloo, those of GPUs by NCCL."""
    rank, size, seconds = _numbers()
    if torch.cuda.is_available():
        torch.cuda.set_device(int(os.environ.get("LOCAL_RANK", rank)) % torch.cuda.device_count())
    backend = "cpu:gloo,cuda:nccl" if dist.is_nccl_available() and torch.cuda.is_available() else "gloo"
    began, store = monotonic(), None
    try:
        store, rank, size = next(rendezvous("env://", timeout=timedelta(seconds=seconds)))
        _check_in(store, rank, size, seconds)
        options: dict[str, Any] = {"store": store, "rank": rank, "world_size": size, "timeout": TIMEOUT}
        call_within(seconds, lambda: dist.init_process_group(backend, **options))
    except (RuntimeError, ValueError, TimeoutError) as error:
        place = f"{os.environ['MASTER_ADDR']}:{os.environ['MASTER_PORT']}"
        waited = monotonic() - began >= seconds
        failed = (
            f"did not meet the others at {place} within {seconds:g} s" if waited else f"lost others at {place}"
        )
        raise LostPeerError(
            f"processes: process {rank} of {size} {failed}; check that all were started, and MASTER_ADDR and "
            f"MASTER_PORT, or raise {JOIN_TIMEOUT}",
            tells=store is None or rank == 0 or (rank == 1 and not _answers(store, error)),
        ) from error
    return Team(rank, size, store)


def _numbers() -> tuple[int, int, float]:
    """Returns the number of this process, that of all, and for how many seconds they wait for each other."""
    missing = [name for name in VARIABLES if not os.environ.get(name)]
    if missing:
        raise UserError(f"processes: {missing[0]} is not set in the environment; start with torchrun")
    try:
        rank, size, port = (int(os.environ[name]) for name in ("RANK", "WORLD_SIZE", "MASTER_PORT"))
        seconds = float(os.environ.get(JOIN_TIMEOUT, DEFAULT_JOIN_TIMEOUT))
    except ValueError as error:
        names = f"RANK, WORLD_SIZE, MASTER_PORT and {JOIN_TIMEOUT}"
        raise UserError(f"processes: {names} must be numbers: {error}") from error
    if not (0 <= rank < size and 0 < port < 2**16 and 0 < seconds < float("inf")):
        raise UserError(
            f"processes: RANK must be from 0 to WORLD_SIZE - 1, MASTER_PORT a port, and {JOIN_TIMEOUT} above 0; "
            f"got {rank}, {size}, {port} and {seconds:g}"
        )
    return rank, size, seconds


def _check_in(store: Any, rank: int, size: int, seconds: float) -> None:
    """Waits for all processes to come to the store, and checks that they were told of as many."""
    store.set(f"mamlrl/joined/{rank}", str(size))
    until = monotonic() + seconds
    for each in range(size):
        store.wait([f"mamlrl/joined/{each}"], timedelta(seconds=max(0.001, until - monotonic())))
        found = int(store.get(f"mamlrl/joined/{each}"))
        if found != size:
            raise LostPeerError(
                f"WORLD_SIZE: process {each} has {found}, and process {rank} {size}; start all with the same",
                tells=rank == 0,
            )
    store.set_timeout(TIMEOUT)


def _answers(store: Any, error: Exception) -> bool:
    """Returns whether there is still the first process, which keeps the store, after an error."""
    if isinstance(error, TimeoutError):  # the store is waited for, which would block
        return True
    try:
        store.check(["mamlrl/joined/0"])
    except RuntimeError:
        return False
    return True
