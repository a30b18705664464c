"""Lists of tasks that are drawn once, by a seed."""

from __future__ import annotations

import pickle
import random
import re
import textwrap
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np

from mamlrl.errors import FOREIGN_ERRORS, UserError, one_line

LISTED = 1000  # tasks to train on, and as many to evaluate on


def listed(name: str, draw: Callable[[int], Any], seed: int) -> list[Any]:
    """Draws a list of tasks, and draws it again to check that a seed determines it.

    Args:
        name: Of what draws them, for messages.
        draw: Draws tasks from a seed.
        seed: The seed, also of the generators that Python and NumPy share among all.

    Raises:
        UserError: If it raises an error, draws no tasks, or other ones the second time.
    """
    with told(name), _global_seed(seed):
        tasks = list(draw(seed))
    with told(name), _global_seed(seed):
        again = list(draw(seed))
    if not tasks:
        raise UserError(f"env.id: {name} returned no tasks")
    if [_text(task) for task in tasks] != [_text(task) for task in again]:
        raise UserError(
            f"env.id: {name} draws other tasks each time, whatever the seed; draw them from the environment's "
            "np_random, which reset(seed=...) seeds"
        )
    return tasks


def same_tasks(one: Sequence[Any], other: Sequence[Any]) -> bool:
    """Returns whether two lists hold the same tasks in the same order, as far as their bytes tell."""
    return [_bytes(task) for task in one] == [_bytes(task) for task in other]


def check_apart(lists: Sequence[tuple[str, Sequence[Any]]]) -> None:
    """Refuses lists of different methods, by their names, that have a task in common.

    Raises:
        UserError: If two have one.
    """
    for index, (name, tasks) in enumerate(lists):
        known = {_bytes(task) for task in tasks}
        for other, others in lists[:index]:
            common = next((task for task in others if _bytes(task) in known), None)
            if other != name and common is not None:
                text = textwrap.shorten(str(common), 60, placeholder=" ...")
                raise UserError(f"env.id: {other} and {name} both return {text}; no task may be in two lists")


def _bytes(task: Any) -> bytes:
    """What tells a task from others; of those that cannot be pickled, that they are this object."""
    try:
        return pickle.dumps(task)
    except Exception:
        return str(id(task)).encode()


def _text(task: Any) -> str:
    return re.sub(r" at 0x[0-9a-f]+", "", repr(task))


@contextmanager
def told(name: str) -> Iterator[None]:
    """Turns what a function of tasks raises into a `UserError`."""
    try:
        yield
    except FOREIGN_ERRORS as error:
        raise UserError(f"env.id: {name} raised {one_line(error)}") from error


@contextmanager
def _global_seed(seed: int) -> Iterator[None]:
    """Seeds the generators that Python and NumPy share among all, which older environments draw from."""
    saved = np.random.get_state(), random.getstate()  # noqa: NPY002
    np.random.seed(seed)  # noqa: NPY002
    random.seed(seed)
    try:
        yield
    finally:
        np.random.set_state(saved[0])  # noqa: NPY002
        random.setstate(saved[1])
