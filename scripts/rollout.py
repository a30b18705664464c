"""Rolls adapted policies out in tasks that a user names: `mamlrl rollout navigation2d --task 0.3 -0.2`."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from functools import cache
from pathlib import Path

if not __package__:  # run as a file, perhaps of a checkout that is not installed
    sys.path.insert(0, str(Path(__file__).parents[1]))

from mamlrl.deployment.minari_recording import check_minari, write_minari
from mamlrl.deployment.recorded_rollouts import check_npz, recorded_episodes, write_npz
from mamlrl.errors import UserError
from mamlrl.evaluation.policy import with_tasks
from mamlrl.evaluation.policy_evaluation import PolicyEvaluation
from mamlrl.experiments.command_line import CommandLine
from mamlrl.experiments.policy import PolicyExperiment
from mamlrl.figures.film import VideoConfig, film_adaptation
from mamlrl.runs.saved import SavedRun
from mamlrl.sampling.checked_env import CheckedEnv
from mamlrl.scripts.program import add_allow_import, parse_allowing_imports, run_program
from mamlrl.scripts.task_options import add_task_options, named_tasks, plain_numbers

ABOUT = """Roll a policy out in tasks, before it adapts to them and after each step.

The episodes are those that evaluate reports: evaluation.episodes_per_task of
each task, after 0, 1, ..., evaluation.steps steps, of evaluation.seed."""
EXAMPLES = [
    "mamlrl rollout navigation2d --task 0.3 -0.2 --task 0.1 0.4",
    "mamlrl rollout runs/navigation2d/seed0 --tasks_file goals.csv --output episodes.npz",
    "mamlrl rollout half_cheetah_direction --task 1 --evaluation.deterministic true --video run.mp4",
    "mamlrl rollout navigation2d --evaluation.tasks 5 --minari navigation2d/adapted-v0",
]
FILMED = 4  # tasks, at most


def command_line() -> CommandLine:
    """Returns the program's command line."""
    line = CommandLine("mamlrl rollout", ABOUT, EXAMPLES)
    line.add_argument(
        "checkpoint",
        type=Path,
        help="Checkpoint, run folder, whose latest checkpoint is taken, or name of a published checkpoint.",
    )
    add_task_options(line)
    line.add_argument("--output", type=Path, help="File to write the episodes to, .npz.")
    line.add_argument("--minari", type=str, help="Minari dataset to write the episodes to, such as mine/nav-v0.")
    line.add_argument("--video", type=Path, help=f"Film to write, .mp4 or .gif, of the first {FILMED} tasks.")
    add_allow_import(line)
    return line


def run(arguments: Sequence[str]) -> int:
    """Rolls out the policy that the command line names; returns the exit status."""
    line = command_line()
    options = parse_allowing_imports(line, plain_numbers(arguments))
    if options.output is not None:
        check_npz(options.output)
    if options.minari is not None:
        check_minari(options.minari)
    tasks = named_tasks(line, options)
    saved = SavedRun.load(options.checkpoint)
    experiment = line.experiment(saved.experiment)
    if not isinstance(experiment, PolicyExperiment):
        raise UserError(f"{saved.path} cannot be rolled out: its kind {experiment.kind} has no episodes")
    if tasks is not None:
        experiment = with_tasks(experiment, len(tasks))

    @cache
    def evaluate() -> PolicyEvaluation:
        evaluation = saved.evaluate(experiment, tasks)
        assert isinstance(evaluation, PolicyEvaluation)
        return evaluation

    if options.video is not None:  # it is found out first whether there can be a film
        video = VideoConfig(tasks=tuple(range(min(FILMED, experiment.evaluation.tasks))))
        film_adaptation(experiment, evaluate, video, options.video)
    evaluation = evaluate()
    print(_table(f"{saved.path}, meta-iteration {saved.state['iteration']}", evaluation))
    recorded = recorded_episodes(evaluation) if options.output or options.minari else []
    if options.output is not None:
        write_npz(options.output, recorded, evaluation.tasks)
    if options.minari is not None:
        write_minari(options.minari, recorded, evaluation)
    for written in filter(None, [options.output, options.minari, options.video]):
        print(written)
    return 0


def _table(title: str, evaluation: PolicyEvaluation) -> str:
    """Mean returns: a row for each task, a column for each number of steps."""
    env = CheckedEnv(evaluation.sampler.env)
    names = [f"task {index}: {env.describe_task(task)}" for index, task in enumerate(evaluation.tasks)]
    rows = list(zip(names, evaluation.returns.T, strict=True))
    if len(rows) > 1:
        rows.append(("all tasks", evaluation.returns.mean(axis=1)))
    width = max(len(name) for name, _ in rows)
    lines = [f"{title}; {evaluation.sample_size()}, mean return after adaptation steps"]
    lines.append(f"  {'':<{width}}" + "".join(f"{step:>11}" for step in range(len(evaluation.returns))))
    for name, returns in rows:
        lines.append(f"  {name:<{width}}" + "".join(f"{each:11.{evaluation.decimals}f}" for each in returns))
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(run_program(run))
