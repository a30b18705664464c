"""Running the programs as a user does, on an experiment small enough for tests."""

import csv
import re
import subprocess
import sys
from pathlib import Path

from mamlrl.runs.checkpoints import load_checkpoint
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
SUMMARIES = (
    *(
        "environment",
        "data set",
        "parameters",
        "device",
        "processes",
        "meta-iteration",
        "meta-iterations",
        "results",
    ),
    *("complete", "this took", "last return", "env steps", "best validation", "next"),
)
# Lines of stderr that say how training goes
PROGRESS = re.compile(rf"\d+%\|.*(it/s|s/it)|^\s*\d+it \[|^({'|'.join(SUMMARIES)})  ")
TIMES = ("seconds/", "wall_time", "env_steps_per_second")  # begin the names of columns that no seed determines


def run(program, *arguments):
    """Runs a program in this process; returns its exit status."""
    assert program in PROGRAMS
    module = __import__(f"mamlrl.scripts.{program}", fromlist=["run"])
    return run_program(module.run, list(map(str, arguments)))


def start(program, *arguments):
    """Starts a program in a process of its own, in `tests/`, where the package is the installed one."""
    command = [sys.executable, "-m", "mamlrl_command", program, *map(str, arguments)]
    return subprocess.Popen(command, stderr=subprocess.PIPE, text=True, cwd=TESTS)


def deterministic_rows(folder):
    """Rows of a run's CSV without the columns that hold times."""
    with open(folder / "metrics.csv", newline="") as file:
        return [
            {name: value for name, value in row.items() if not name.startswith(TIMES)}
            for row in csv.DictReader(file)
        ]


def deterministic_state(path):
    """State of a checkpoint without the checksum of rows that hold times."""
    state = load_checkpoint(path)[1]
    state.pop("metrics_checksum", None)
    return state
