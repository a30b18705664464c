"""Checks of the arguments of environments: a ValueError names the argument and says what it must be."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from gymnasium.spaces import Box
from numpy.typing import NDArray

from mamlrl.errors import suggestion

LIMIT = 1e9  # largest length, velocity or factor; far beyond any body, and its square is finite


def check_whole_number(name: str, value: Any, least: int) -> None:
    """Refuses a value that is not a whole number of at least `least` and at most `LIMIT`."""
    if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < least:
        raise ValueError(f"{name} must be a whole number of at least {least}, got {value}")
    if value > LIMIT:
        raise ValueError(
            f"{name} must be a whole number of at most {LIMIT:.0f}, got one of {len(str(value))} digits"
        )


def check_number(name: str, value: Any, above: float) -> None:
    """Refuses a value that is not a number above `above` and below `LIMIT`."""
    if not _is_number(value) or value <= above:
        raise ValueError(f"{name} must be a number above {above} and below {LIMIT:g}, got {value}")


def check_weight(name: str, value: Any) -> None:
    """Refuses a value that is not a number of at least 0 and below `LIMIT`."""
    if not _is_number(value) or value < 0:
        raise ValueError(f"{name} must be a number of at least 0 and below {LIMIT:g}, got {value}")


def check_range(name: str, bounds: Any) -> tuple[float, float]:
    """Returns (low, high); refuses all but two numbers in increasing order between -`LIMIT` and `LIMIT`."""
    values = list(bounds) if isinstance(bounds, Sequence | np.ndarray) else []
    if len(values) != 2 or not all(map(_is_number, values)) or values[0] >= values[1]:
        raise ValueError(
            f"{name} must be two numbers in increasing order between -{LIMIT:g} and {LIMIT:g}, got {bounds}"
        )
    return float(values[0]), float(values[1])


def check_array(name: str, values: Any) -> NDArray[np.float64]:
    """Returns the values as an array; refuses values that are not numbers."""
    try:
        return np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{name} must be an array of numbers, got {values}") from error


def check_tasks(tasks: Any, space: Box, num_envs: int) -> NDArray[np.float64]:
    """Returns tasks as an array; refuses those outside their space, or as many as do not divide `num_envs`."""
    tasks, expected = check_array("tasks", tasks), space.shape
    if tasks.shape[1:] != expected or tasks.ndim != 1 + len(expected) or len(tasks) == 0:
        sizes = ", ".join(map(str, ("number of tasks", *expected)))
        raise ValueError(f"tasks must have shape ({sizes}), got {tasks.shape}")
    if num_envs % len(tasks):
        raise ValueError(f"{len(tasks)} tasks do not divide {num_envs} sub-environments equally")
    for index, task in enumerate(tasks):
        if not space.contains(task.astype(space.dtype)):
            raise ValueError(f"task {index}, {task.tolist()}, lies outside {space}")
    return tasks


def check_choice(name: str, value: Any, choices: Iterable[str]) -> None:
    """Refuses a value that is none of the choices; the message suggests the nearest one."""
    names = list(choices)
    if value not in names:
        raise ValueError(f"{name} must be one of {', '.join(names)}, got {value!r}{suggestion(value, names)}")


def check_options(options: Mapping[str, Any] | None, known: Sequence[str]) -> None:
    """Refuses options of `reset` that are not known."""
    for name in options or ():
        if name not in known:
            there_are = f"there is {', '.join(known)}" if known else "there are none"
            raise ValueError(f"options of reset: {there_are}, got {name!r}{suggestion(str(name), known)}")


def check_mask(name: str, mask: Any, size: int) -> NDArray[np.bool_]:
    """Returns the mask as an array; refuses all but arrays of truth values, shape (size,)."""
    array = np.asarray(mask)
    if array.dtype != np.bool_ or array.shape != (size,):
        raise ValueError(f"{name} must be booleans of shape ({size},), got {array.dtype} of shape {array.shape}")
    return array


def _is_number(value: Any) -> bool:
    is_real = not isinstance(value, bool) and isinstance(value, int | float | np.integer | np.floating)
    return is_real and bool(abs(value) < LIMIT)
