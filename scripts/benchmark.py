"""Times the phases of a meta-iteration against their floors: `mamlrl benchmark --config navigation2d`."""

from __future__ import annotations

import resource
import sys
from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path

if not __package__:  # run as a file, perhaps of a checkout that is not installed
    sys.path.insert(0, str(Path(__file__).parents[1]))

import torch

from mamlrl.benchmarks.build import BENCHMARKS
from mamlrl.benchmarks.throughput import Throughput, sweep
from mamlrl.benchmarks.variants import place, variants
from mamlrl.distributed.exchange import check_same
from mamlrl.distributed.team import size
from mamlrl.errors import UserError
from mamlrl.experiments.command_line import CommandLine
from mamlrl.experiments.differences import leaves
from mamlrl.experiments.experiment import Experiment
from mamlrl.experiments.plain import plain_experiment
from mamlrl.experiments.policy import PolicyExperiment
from mamlrl.figures.image_file import write_figure
from mamlrl.figures.throughput import throughput_figure
from mamlrl.files import write_text
from mamlrl.scripts.program import run_program
from mamlrl.settings.choices import named
from mamlrl.settings.numbers import PositiveInt

EXAMPLES = [
    "mamlrl benchmark --config navigation2d",
    "mamlrl benchmark --config half_cheetah_direction --meta_batch_size 40 --repeats 3",
    "mamlrl benchmark --config half_cheetah_direction --devices cpu cuda --simulators batch warp",
    "mamlrl benchmark --config half_cheetah_direction --simulators batch warp --sweep --output throughput",
    "mamlrl benchmark --config sinusoid --config meta_sgd",
]
COLUMNS = [field.name for field in fields(Throughput)]


def command_line() -> CommandLine:
    """Returns the program's command line."""
    line = CommandLine(
        "mamlrl benchmark",
        "Time the phases of a meta-iteration, and the floors that some have.",
        EXAMPLES,
    )
    line.add_argument("--repeats", type=PositiveInt, default=5, help="Measurements to take the median of.")
    line.add_argument(
        "--devices", nargs="+", type=str, default=[], help="Devices to measure on, such as: cpu cuda."
    )
    line.add_argument(
        "--simulators", nargs="+", type=str, default=[], help="Simulators to measure with: batch warp."
    )
    line.add_argument(
        "--sweep",
        action="store_true",
        help="Instead, measure environment steps per second with more and more episodes, up to saturation.",
    )
    line.add_argument(
        "--output", type=Path | None, help="Folder for throughput.csv and throughput.png of --sweep."
    )
    return line


def run(arguments: Sequence[str]) -> int:
    """Benchmarks the experiment that the command line names; returns the exit status."""
    line = command_line()
    options = line.parse(arguments)
    if options.output and not options.sweep:
        raise UserError("output: only --sweep writes files; add it, or leave --output out")
    experiment = line.experiment()
    if options.sweep and size() > 1:
        raise UserError("sweep: measures one process; start it without torchrun")
    check_same(dict(leaves(plain_experiment(experiment))), "start all processes with the same settings")
    chosen = variants(experiment, options.devices, options.simulators)
    if options.sweep:
        _sweep(chosen, options.repeats, options.output)
    else:
        benchmark = BENCHMARKS.choose("there is no benchmark of this experiment: its kind", experiment.kind)
        for each in chosen:
            benchmark(each, options.repeats)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    print(f"{'peak memory':<34}{peak:9.2f} GiB")
    if torch.cuda.is_available():
        print(f"{'peak memory of the GPU':<34}{torch.cuda.max_memory_reserved() / 2**30:9.2f} GiB")
    return 0


def _sweep(experiments: Sequence[Experiment], repeats: int, output: Path | None) -> None:
    """Prints throughput against the number of episodes, and writes it where there is a folder to write to."""
    found: list[Throughput] = []
    for experiment in experiments:
        if not isinstance(experiment, PolicyExperiment):
            raise UserError(f"sweep: experiments of kind {experiment.kind} have no episodes; leave it out")
        print(f"{named(experiment.env.id)}: {experiment.meta_batch_size} tasks, {place(experiment)}")
        for measured in sweep(experiment, repeats, print):
            found.append(measured)
            print(_row(measured), flush=True)
            if output:  # again each time: an interrupt loses nothing
                write_text(output / "throughput.csv", _csv(found))
    if output:
        title = f"{named(experiments[0].env.id)}, {torch.get_num_threads()} threads"  # type: ignore[attr-defined]
        write_figure(throughput_figure(found, title), output / "throughput.png")


def _row(measured: Throughput) -> str:
    row = f"{measured.episodes:>9} episodes {measured.steps_per_second:12.0f} steps / s"
    if measured.simulator:
        row += f"   {measured.physics_steps_per_second:12.0f} / s by the bare physics"
    return row


def _csv(measured: Sequence[Throughput]) -> str:
    rows = [",".join(COLUMNS), *(",".join(map(str, vars(each).values())) for each in measured)]
    return "\n".join(rows) + "\n"


if __name__ == "__main__":
    sys.exit(run_program(run))
