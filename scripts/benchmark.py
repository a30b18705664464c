"""Times the phases of a meta-iteration against their floors: `mamlrl benchmark --config navigation2d`."""

from __future__ import annotations

import resource
import sys
from collections.abc import Sequence
from pathlib import Path

if not __package__:  # run as a file, perhaps of a checkout that is not installed
    sys.path.insert(0, str(Path(__file__).parents[1]))

from mamlrl.benchmarks.build import BENCHMARKS
from mamlrl.experiments.command_line import CommandLine
from mamlrl.scripts.program import run_program
from mamlrl.settings.numbers import PositiveInt

EXAMPLES = [
    "mamlrl benchmark --config navigation2d",
    "mamlrl benchmark --config half_cheetah_direction --meta_batch_size 40 --repeats 3",
    "mamlrl benchmark --config sinusoid --config meta_sgd",
]


def command_line() -> CommandLine:
    """Returns the program's command line."""
    line = CommandLine(
        "mamlrl benchmark",
        "Time the phases of a meta-iteration, and the floors that some have.",
        EXAMPLES,
    )
    line.add_argument("--repeats", type=PositiveInt, default=5, help="Measurements to take the median of.")
    return line


def run(arguments: Sequence[str]) -> int:
    """Benchmarks the experiment that the command line names; returns the exit status."""
    line = command_line()
    options = line.parse(arguments)
    experiment = line.experiment()
    benchmark = BENCHMARKS.choose("there is no benchmark of this experiment: its kind", experiment.kind)
    benchmark(experiment, options.repeats)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    print(f"{'peak memory':<34}{peak:9.2f} GiB")
    return 0


if __name__ == "__main__":
    sys.exit(run_program(run))
