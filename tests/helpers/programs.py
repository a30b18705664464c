"""Running the programs as a user does, on an experiment small enough for tests."""

import csv
import subprocess
import sys
from pathlib import Path

from mamlrl.scripts.main import PROGRAMS
from mamlrl.scripts.program import run_program

TESTS = Path(__file__).parents[1]

TINY = [
    "--config=navigation2d",
    "--env.kwargs.horizon=10",
    "--policy.hidden_sizes=[8]",
    "--sampling.episodes_per_task=3",
    "--meta_batch_size=2",
    "--trust_region.cg_iterations=2",
    "--evaluation.tasks=3",
    "--evaluation.episodes_per_task=2",
    "--evaluation.steps=2",
]
ONE = [*TINY, "--iterations=1"]


def run(program, *arguments):
    """Runs a program in this process; returns its exit status."""
    assert program in PROGRAMS
    module = __import__(f"mamlrl.scripts.{program}", fromlist=["run"])
    return run_program(module.run, list(map(str, arguments)))


def start(program, *arguments):
    """Starts a program in a process of its own, in `tests/`, where the package is the installed one."""
    command = [sys.executable, "-m", "mamlrl.scripts.main", program, *map(str, arguments)]
    return subprocess.Popen(command, stderr=subprocess.PIPE, text=True, cwd=TESTS)


def deterministic_rows(folder):
    """Rows of a run's CSV without the columns that hold times."""
    with open(folder / "metrics.csv", newline="") as file:
        return [
            {name: value for name, value in row.items() if not name.startswith("seconds/")}
            for row in csv.DictReader(file)
        ]
