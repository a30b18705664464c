"""The command `mamlrl`: one console command, a subcommand for each program."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from functools import partial
from importlib import import_module
from pathlib import Path

if not __package__:  # run as a file, perhaps of a checkout that is not installed
    sys.path.insert(0, str(Path(__file__).parents[1]))

from mamlrl import __version__
from mamlrl.errors import UserError
from mamlrl.scripts.program import run_program

PROGRAMS = {
    "train": "meta-train a policy, or a network for few-shot learning",
    "evaluate": "adapt meta-trained networks to held-out tasks and report their returns, or errors",
    "neighbours": "classify held-out images by nearest neighbours of their pixels, a baseline",
    "plot": "draw learning curves, adaptation curves, 2D navigation paths and fits of curves",
    "video": "film a policy before and after it adapts to held-out tasks",
    "benchmark": "time the phases of a meta-iteration",
    "reproduce": "compare methods on a task as a paper does: train, evaluate, tables, figures",
    "compare": "measure the error, memory and time of meta-gradients",
    "rollout": "roll adapted policies out in tasks that you name, and write their episodes",
    "check_env": "check that an environment keeps what task environments promise",
    "policies": "list the checkpoints that come with the package, and how they were trained",
    "strokes": "draw a data set of random strokes, laid out as Omniglot is",
    "kanji": "draw a data set of real characters, laid out as Omniglot is",
}

SHARED = ("train", "benchmark")  # programs whose work several processes share

DESCRIPTION = "Meta-reinforcement learning: train policies that adapt to new tasks in a few steps."
EXAMPLES = [
    "mamlrl train --config navigation2d",
    "mamlrl evaluate runs/navigation2d/seed0",
    "mamlrl plot curves runs/navigation2d/seed0 --output curves.png",
    "mamlrl video runs/navigation2d/seed0 --output adaptation.mp4",
]


def main(ready: Callable[[], object] = lambda: None) -> int:
    """Runs the subcommand that the command line names; returns the exit status.

    Args:
        ready: Called when everything is imported that takes long.
    """
    if "RANK" in os.environ:  # one of several processes, whose sockets write pages when another one ends
        os.environ.setdefault("TORCH_CPP_LOG_LEVEL", "FATAL")
    return run_program(partial(_run, ready))


def _run(ready: Callable[[], object], arguments: Sequence[str]) -> int:
    if arguments[:1] == ["--version"]:
        print(__version__)
        return 0
    if arguments[:1] in (["-h"], ["--help"]):
        print(_usage())
        return 0
    name = arguments[0].replace("-", "_") if arguments else ""
    if name not in PROGRAMS:
        given = f"no program named {arguments[0]}" if arguments else "which program?"
        raise UserError(f"{given}; there are: {', '.join(map(_typed, PROGRAMS))}")
    if name not in SHARED and int(os.environ.get("WORLD_SIZE", "1")) > 1:
        raise UserError(f"mamlrl {_typed(name)} runs in one process; start it without torchrun")
    program = import_module(f"mamlrl.scripts.{name}")
    ready()
    status: int = program.run(arguments[1:])
    return status


def _typed(name: str) -> str:
    """A program as users type it."""
    return name.replace("_", "-")


def _usage() -> str:
    examples = [f"  {example}" for example in EXAMPLES]
    programs = [f"  {_typed(name):<10} {purpose}" for name, purpose in PROGRAMS.items()]
    head = ["usage: mamlrl PROGRAM [OPTIONS]", "       mamlrl --version", "", DESCRIPTION, ""]
    return "\n".join([*head, "examples:", *examples, "", "programs (each has --help):", *programs])


if __name__ == "__main__":
    sys.exit(main())
