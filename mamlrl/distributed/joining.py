"""Joining the other processes of a run that `torchrun` or environment variables started, and leaving them."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from datetime import timedelta

import torch
import torch.distributed as dist
from torch.distributed.rendezvous import rendezvous

from mamlrl._version import __version__
from mamlrl.distributed.exchange import LostPeerError, PeerError, announce, check_same, meet
from mamlrl.distributed.team import Team, enter, leave, team
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
    enter(_join() if own else Team(dist.get_rank(), dist.get_world_size()))
    try:
        yield from _together()
    finally:
        leave()
        if own:
            dist.destroy_process_group()


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
    missing = [name for name in VARIABLES if not os.environ.get(name)]
    if missing:
        raise UserError(f"processes: {missing[0]} is not set in the environment; start with torchrun")
    try:
        rank, size = int(os.environ["RANK"]), int(os.environ["WORLD_SIZE"])
        seconds = float(os.environ.get(JOIN_TIMEOUT, DEFAULT_JOIN_TIMEOUT))
    except ValueError as error:
        raise UserError(f"processes: RANK, WORLD_SIZE and {JOIN_TIMEOUT} must be numbers: {error}") from error
    if torch.cuda.is_available():
        torch.cuda.set_device(int(os.environ.get("LOCAL_RANK", rank)) % torch.cuda.device_count())
    backend = "cpu:gloo,cuda:nccl" if dist.is_nccl_available() and torch.cuda.is_available() else "gloo"
    reached = False
    try:
        store, rank, size = next(rendezvous("env://", timeout=timedelta(seconds=seconds)))
        reached = True
        store.set(f"mamlrl/joined/{rank}", "")
        store.wait([f"mamlrl/joined/{each}" for each in range(size)], timedelta(seconds=seconds))
        store.set_timeout(TIMEOUT)
        dist.init_process_group(backend, store=store, rank=rank, world_size=size, timeout=TIMEOUT)
    except (RuntimeError, ValueError) as error:
        place = f"{os.environ['MASTER_ADDR']}:{os.environ['MASTER_PORT']}"
        raise LostPeerError(
            f"processes: process {rank} of {size} did not meet the others at {place} within {seconds:g} s; "
            f"check that all were started, and MASTER_ADDR and MASTER_PORT, or raise {JOIN_TIMEOUT}",
            tells=rank == 0 or not reached,
        ) from error
    return Team(rank, size, store)
