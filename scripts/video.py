"""Films adaptation to held-out tasks: `mamlrl video runs/navigation2d --output adaptation.mp4`."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path

if not __package__:  # run as a file, perhaps of a checkout that is not installed
    sys.path.insert(0, str(Path(__file__).parents[1]))

from mamlrl.experiments.command_line import CommandLine
from mamlrl.figures.build import FILMS
from mamlrl.figures.film import VideoConfig
from mamlrl.runs.saved import SavedRun
from mamlrl.scripts.program import add_allow_import, parse_allowing_imports, run_program
from mamlrl.settings.numbers import NonNegativeInt

EXAMPLES = [
    "mamlrl video runs/navigation2d/seed0 --output adaptation.mp4",
    "mamlrl video runs/half_cheetah_direction/seed0 --output two.gif --tasks 0 1 --size 160 --speed 2",
]


def command_line() -> CommandLine:
    """Returns the program's command line."""
    line = CommandLine(
        "mamlrl video", "Film a policy before it adapts to held-out tasks and after each gradient step.", EXAMPLES
    )
    line.add_argument("checkpoint", type=Path, help="Checkpoint, or run folder, whose latest checkpoint is taken.")
    line.add_argument("--output", type=Path, required=True, help="Video to write, .mp4 or .gif.")
    line.add_argument(
        "--tasks",
        nargs="+",
        type=NonNegativeInt,
        default=[0],
        help="Which of the held-out tasks, counted from 0; each becomes a row.",
    )
    line.add_class_arguments(VideoConfig, skip={"tasks"})
    add_allow_import(line)
    return line


def run(arguments: Sequence[str]) -> int:
    """Films the policy that the command line names; returns the exit status."""
    line = command_line()
    options = parse_allowing_imports(line, arguments)
    saved = SavedRun.load(options.checkpoint)
    experiment = line.experiment(saved.experiment)
    video = VideoConfig(**{field.name: options[field.name] for field in fields(VideoConfig)})
    film = FILMS.choose(f"{saved.path} cannot be filmed: its kind", experiment.kind)
    film(experiment, lambda: saved.evaluate(experiment), video, options.output)
    print(options.output)
    return 0


if __name__ == "__main__":
    sys.exit(run_program(run))
