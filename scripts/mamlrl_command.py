"""The console command `mamlrl`, outside the package, whose import takes seconds: Ctrl-C may come before."""

import os
import signal
import sys
from types import FrameType

INTERRUPTED = 128 + signal.SIGINT


def main() -> int:
    """Runs `mamlrl.scripts.main`; until its imports are done, Ctrl-C ends the process without a word."""
    handler = signal.getsignal(signal.SIGINT)
    if handler is signal.default_int_handler:  # nobody has told the process to ignore it
        signal.signal(signal.SIGINT, _end)
    from mamlrl.scripts.main import main as run_subcommand  # noqa: PLC0415

    return run_subcommand(ready=lambda: signal.signal(signal.SIGINT, handler))


def _end(number: int, frame: FrameType | None) -> None:
    """Ends the process; an exception might be caught, or disguised, by a library that is being imported."""
    del number, frame
    os._exit(INTERRUPTED)


if __name__ == "__main__":
    sys.exit(main())
