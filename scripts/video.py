"""Films adaptation to held-out tasks: `mamlrl video runs/navigation2d --output adaptation.mp4`."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path

from mamlrl.errors import UserError
from mamlrl.evaluation.policy import PolicyEvaluation
from mamlrl.experiments.experiment import NonNegativeInt
from mamlrl.experiments.files import build_config, config_parser, parse, set_config_defaults
from mamlrl.figures.film import VideoConfig, film, filmed_env, frame_rate
from mamlrl.figures.video_file import video_file
from mamlrl.learners.build import is_supervised
from mamlrl.runs.checkpoints import load_checkpoint
from mamlrl.scripts.evaluate import checkpoint_file, evaluate_checkpoint
from mamlrl.scripts.main import run_program


def run(arguments: Sequence[str]) -> int:
    """Films the policy that the command line names; returns the exit status."""
    parser = config_parser(
        prog="mamlrl video",
        description="Film a policy before it adapts to held-out tasks and after each gradient step.",
    )
    parser.add_argument("checkpoint", type=Path, help="Checkpoint, or run folder, whose best checkpoint is taken.")
    parser.add_argument("--output", type=Path, required=True, help="Video to write, .mp4 or .gif.")
    parser.add_argument(
        "--tasks",
        nargs="+",
        type=NonNegativeInt,
        default=[0],
        help="Which of the held-out tasks, counted from 0; each becomes a row.",
    )
    parser.add_class_arguments(VideoConfig, skip={"tasks"})
    path = checkpoint_file(parse(parser, arguments).checkpoint)
    saved, state = load_checkpoint(path)
    set_config_defaults(parser, saved)
    namespace = parse(parser, arguments)
    config = build_config(parser, namespace)
    video = VideoConfig(**{field.name: namespace[field.name] for field in fields(VideoConfig)})
    if is_supervised(config):
        raise UserError(f"{path} holds no policy to film: it was trained on data.dataset {config.data.dataset}")
    with filmed_env(config, video) as env, video_file(namespace.output, frame_rate(env, video)) as add_frame:
        evaluation = evaluate_checkpoint(path, config, state)
        assert isinstance(evaluation, PolicyEvaluation)
        film(env, config, evaluation, video, add_frame)
    print(namespace.output)
    return 0


if __name__ == "__main__":
    sys.exit(run_program(run))
