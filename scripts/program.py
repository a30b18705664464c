"""What all programs share: errors become one line on stderr and an exit status."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence

from mamlrl.errors import UserError


def run_program(program: Callable[[Sequence[str]], int], arguments: Sequence[str] | None = None) -> int:
    """Runs a program; input that it cannot use, or too large, becomes one line on stderr and status 2.

    Args:
        program: Takes command-line arguments and returns an exit status.
        arguments: The arguments; those of the process by default.
    """
    try:
        return program(sys.argv[1:] if arguments is None else arguments)
    except UserError as error:
        print(f"mamlrl: {error}", file=sys.stderr)
        return 2
    except MemoryError as error:
        remedy = "lower meta_batch_size, sampling.episodes_per_task or env.kwargs.horizon"
        print(f"mamlrl: not enough memory ({error}); {remedy}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130
