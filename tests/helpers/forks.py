"""Programs in forks of this process: as good as processes of their own, without the seconds that imports take."""

import fcntl
import os
import re
import resource
import signal
import sys
import time
import traceback
from dataclasses import dataclass

from programs import PROGRESS, run

MEMORY, PIPE = 6 * 2**30, 2**20


@dataclass(frozen=True)
class Ended:
    """How a fork ended; its status is that of a shell, -n after signal n, and None if it had to be killed."""

    status: int | None
    output: str
    error: str

    @property
    def lines(self):
        """Lines of stderr without those that say how training goes."""
        return [line for line in re.split(r"[\r\n]", self.error) if line.strip() and not PROGRESS.search(line)]

    @property
    def is_refusal(self):
        """Whether it ended as the house rule says: one line, status 2."""
        return self.status == 2 and len(self.lines) == 1 and self.lines[0].startswith("mamlrl: ")

    def __str__(self):
        return f"status {self.status}, stderr {self.error[-600:]!r}"


class Fork:
    """A function that runs in a fork; what it returns becomes the exit status.

    Args:
        function: Without arguments.
        prepare: Called in the fork beforehand.
    """

    def __init__(self, function, prepare=lambda: None):
        self._streams, ends = zip(*(os.pipe() for _ in range(2)), strict=True)
        for end in ends:
            fcntl.fcntl(end, fcntl.F_SETPIPE_SZ, PIPE)  # all that a program says finds room, before it is read
        sys.stdout.flush()
        sys.stderr.flush()
        self.pid = os.fork()
        if self.pid == 0:
            self._become(function, prepare, ends)
        for end in ends:
            os.close(end)

    def _become(self, function, prepare, ends):
        status = 99
        try:
            for number, end in enumerate(ends, start=1):
                os.dup2(end, number)
            sys.stdout, sys.stderr = (open(number, "w", closefd=False) for number in (1, 2))  # noqa: SIM115
            resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
            prepare()
            status = function()
        except SystemExit as error:
            status = error.code or 0
        except BaseException:
            traceback.print_exc()
        finally:
            for stream in (sys.stdout, sys.stderr):
                try:
                    stream.flush()
                except (OSError, ValueError):
                    status = 98
            os._exit(status)

    def send(self, number):
        """Sends a signal; returns whether the fork was still running."""
        if os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None:
            return False
        os.kill(self.pid, number)
        return True

    def wait(self, seconds=120):
        """Waits for its end, and kills it if that takes too long."""
        limit, status = time.monotonic() + seconds, None
        while os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None:
            if time.monotonic() > limit:
                os.kill(self.pid, signal.SIGKILL)
                os.waitpid(self.pid, 0)
                break
            time.sleep(0.002)
        else:
            status = os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])
        texts = []
        for stream in self._streams:
            with open(stream, "rb") as file:
                texts.append(file.read().decode(errors="replace"))
        return Ended(status, *texts)


def forked(program, *arguments, prepare=lambda: None, seconds=120):
    """Runs a program in a fork until it ends."""
    return Fork(lambda: run(program, *arguments), prepare).wait(seconds)
