"""Runs side by side: `mamlrl train` in processes that are stopped together."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from threading import Lock

import torch

from mamlrl.console import note
from mamlrl.runs.stop_signals import handled


def train_side_by_side(
    commands: Mapping[str, Sequence[str]],
    workers: int,
    piped: bool = True,
    ended: Callable[[str], None] = lambda name: None,
) -> tuple[dict[str, int | None], int]:
    """Runs `mamlrl train` several times, in processes that share the threads of this one.

    SIGINT and SIGTERM are passed on to all processes, which then save and end; no further ones are begun.

    Args:
        commands: The arguments of each run, by a name for its messages.
        workers: How many run at the same time.
        piped: Whether their messages are shown here, each with the name of its run, rather than as they are.
        ended: Called with the name of each run that got to its end.

    Returns:
        The exit statuses by name, None for what was not begun; and the signal that stopped them, or 0.
    """
    running: set[subprocess.Popen[str]] = set()
    lock, environment = Lock(), _environment(workers)
    with _stop_signals(running, lock) as received:

        def run(name: str) -> int | None:
            with lock:
                if received:
                    return None
                process = _start(commands[name], environment, piped)
                running.add(process)
            with process:  # until it has ended
                for words in filter(str.strip, process.stderr or ()):
                    note(f"{name}: {words.rstrip()}")
            with lock:
                running.discard(process)
            if process.returncode == 0:
                ended(name)
            return process.returncode

        with ThreadPoolExecutor(workers) as pool:
            statuses = dict(zip(commands, pool.map(run, commands), strict=True))
    return statuses, received[0] if received else 0


def _start(arguments: Sequence[str], environment: Mapping[str, str], piped: bool) -> subprocess.Popen[str]:
    """Starts `mamlrl train`, in a session of its own: Ctrl-C in a terminal is for this process to pass on."""
    return subprocess.Popen(
        [sys.executable, "-P", "-m", "mamlrl.scripts.main", "train", *arguments],
        env=environment,
        stderr=subprocess.PIPE if piped else None,
        text=True,
        errors="replace",
        start_new_session=True,
    )


def _environment(workers: int) -> dict[str, str]:
    """Returns the environment of a worker: modules from the same places, its share of the threads."""
    places = os.pathsep.join(path or os.getcwd() for path in sys.path)
    threads = max(1, torch.get_num_threads() // workers)
    return {**os.environ, "PYTHONPATH": places, "OMP_NUM_THREADS": str(threads)}


@contextmanager
def _stop_signals(running: set[subprocess.Popen[str]], lock: Lock) -> Iterator[list[int]]:
    """Collects SIGINT and SIGTERM and passes them on to all processes, which then save and end."""
    received: list[int] = []

    def receive(number: int) -> None:
        received.append(number)
        with lock:
            for process in running:
                process.send_signal(signal.SIGTERM)

    with handled(receive):
        yield received
