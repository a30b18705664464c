"""Checks that an environment keeps what task environments promise: `mamlrl check-env my_package:MyEnv-v0`."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

if not __package__:  # run as a file, perhaps of a checkout that is not installed
    sys.path.insert(0, str(Path(__file__).parents[1]))

from mamlrl.errors import UserError
from mamlrl.experiments.command_line import CommandLine
from mamlrl.experiments.policy import PolicyExperiment
from mamlrl.sampling.build import make_task_env
from mamlrl.sampling.checked_env import CheckedEnv
from mamlrl.sampling.conformance import CHECKS, problem_of
from mamlrl.scripts.program import run_program
from mamlrl.settings.numbers import PositiveInt

ABOUT = """Check an environment: tasks, seeds, ends of episodes, and all else that a
task environment promises. Our own families pass the same checks.

Settings of env are those of training: an ordinary environment of Gymnasium
needs env.tasks, unless it has tasks of its own."""
EXAMPLES = [
    "mamlrl check-env mamlrl/Navigation2D-v0",
    "mamlrl check-env my_package:MyEnv-v0 --env.kwargs '{\"horizon\": 100}'",
    'mamlrl check-env CartPole-v1 --env.tasks \'{"length": {"uniform": [0.5, 1]}}\'',
    "mamlrl check-env --config navigation2d",
]


def command_line() -> CommandLine:
    """Returns the program's command line."""
    line = CommandLine("mamlrl check-env", ABOUT, EXAMPLES)
    line.add_argument("id", nargs="?", type=str, help="Id of the environment; that of --config by default.")
    line.add_argument(
        "--num_envs", "--num-envs", type=PositiveInt, default=6, help="Sub-environments, at least 2."
    )
    return line


def run(arguments: Sequence[str]) -> int:
    """Checks the environment that the command line names; returns the exit status."""
    line = command_line()
    options = line.parse(arguments)
    experiment = line.experiment()
    if not isinstance(experiment, PolicyExperiment):
        raise UserError(f"experiments of kind {experiment.kind} have no environment; name an id")
    if options.id is None and not line.configs() and not line.sets("env.id"):
        raise UserError("id: name an environment, such as CartPole-v1, or a --config that has one")
    if options.num_envs < 2:
        raise UserError("num_envs must be 2 at least, since sub-environments could influence each other")
    config = experiment.env if options.id is None else replace(experiment.env, id=options.id)
    env = make_task_env(config, options.num_envs)
    try:
        name = CheckedEnv(env).name
        problems = [_check(promise, problem_of(promise, env)) for promise in CHECKS]
    finally:
        env.close()
    broken = [problem for problem in problems if problem is not None]
    if broken:
        raise UserError(
            f"environment {name} breaks {len(broken)} of {len(CHECKS)} promises, the first: {broken[0]}"
        )
    print(f"{name} keeps all {len(CHECKS)} promises of a task environment")
    return 0


def _check(promise: str, problem: str | None) -> str | None:
    """Prints the result of a check; returns its problem."""
    print(f"{'ok' if problem is None else 'no':<4}{promise}" + ("" if problem is None else f": {problem}"))
    return problem


if __name__ == "__main__":
    sys.exit(run_program(run))
