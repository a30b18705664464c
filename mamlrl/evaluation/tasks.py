"""Tasks that a user names, rather than held-out ones that are drawn: read from files, and checked."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
from gymnasium.spaces import Box
from numpy.typing import NDArray

from mamlrl.envs import TaskEnv
from mamlrl.errors import UserError
from mamlrl.files import AnyPath
from mamlrl.sampling.checked_env import CheckedEnv
from mamlrl.settings.plain_yaml import load, read_text

LIST = "a list with a list of numbers for each task"
CONTENTS = {  # of files, by suffix
    ".npy": "an array of numbers with a leading task axis",
    ".csv": "a row of numbers for each task, all of the same length, without a header",
    ".yaml": LIST,
    ".yml": LIST,
}


def read_tasks(path: AnyPath) -> list[Any]:
    """Reads the parameters of tasks from a file.

    Args:
        path: `.npy`, an array with a leading task axis; `.csv`, a row of numbers for each task, without a header;
            or `.yaml`, a list with a list of numbers for each task.

    Returns:
        The parameters of each task, to be checked by `checked_tasks`.

    Raises:
        UserError: If the file cannot be read, or is none of these.
    """
    path = Path(path)
    if path.suffix not in CONTENTS:
        raise UserError(f"cannot read tasks from {path}: its suffix must be one of {', '.join(CONTENTS)}")
    try:
        tasks = _read(path)
    except OSError as error:
        raise UserError(f"cannot read tasks from {path}: {error}") from error
    except (ValueError, EOFError, MemoryError) as error:
        reason = " ".join(str(error).split())
        raise UserError(
            f"cannot read tasks from {path}: it must hold {CONTENTS[path.suffix]} ({reason})"
        ) from error
    if not isinstance(tasks, list) or not tasks:
        raise UserError(f"{path} holds no list of tasks; give {CONTENTS[path.suffix]}")
    return tasks


def _read(path: Path) -> Any:
    if path.suffix == ".npy":
        return np.atleast_1d(np.load(path, allow_pickle=False)).tolist()
    if path.suffix == ".csv":
        with warnings.catch_warnings(action="ignore"):  # of an empty file
            return np.loadtxt(path, delimiter=",", ndmin=2, encoding="utf-8-sig").tolist()
    return load(read_text(path))


def checked_tasks(tasks: Sequence[Any] | NDArray[Any], env: TaskEnv) -> NDArray[np.float64]:
    """Returns tasks that a user names as an array, if they are tasks of the environment.

    Args:
        tasks: Parameters of each task: a number, where tasks have one; a list of numbers; or an array of the shape
            of the task space.
        env: An environment of the family.

    Returns:
        Shape (task, *env.task_space.shape).

    Raises:
        UserError: If there is none, or one has another size, is not finite, or lies outside the task space.
    """
    if not len(tasks):
        raise UserError("tasks: there are none; name one at least")
    name = CheckedEnv(env).name
    return np.stack([_checked(index, task, env.task_space, name) for index, task in enumerate(tasks)])


def _checked(index: int, task: Any, space: Box, name: str) -> NDArray[np.float64]:
    size, expected = prod(space.shape), f"a task of {name} is {_described(space)}"
    try:
        given = np.asarray(task)
    except ValueError as error:  # ragged
        raise UserError(f"task {index}, {task}, is no array of numbers; {expected}") from error
    if given.dtype.kind not in "iuf" or given.size != size or (given.ndim > 1 and given.shape != space.shape):
        raise UserError(f"task {index}, {given.tolist()}, does not fit; {expected}")
    numbers: NDArray[np.float64] = given.astype(np.float64).reshape(space.shape)
    if not np.isfinite(numbers).all() or not space.contains(numbers.astype(space.dtype)):
        raise UserError(f"task {index}, {given.tolist()}, lies outside the task space; {expected}")
    return numbers


def _described(space: Box) -> str:
    """Says what a task is."""
    size = prod(space.shape)
    count = "1 number" if size == 1 else f"{size} numbers"
    if type(space) is not Box or len(np.unique(space.low)) > 1 or len(np.unique(space.high)) > 1:
        return f"{count}, in {' '.join(str(space).split())}"
    return f"{count} from {space.low.flat[0]:g} to {space.high.flat[0]:g}"
