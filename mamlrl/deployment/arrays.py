"""Numbers that somebody gives in arrays or lists."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from mamlrl.errors import UserError

LARGEST = float(np.finfo(np.float32).max)  # number that networks can take


def as_numbers(name: str, values: Any, shape: str) -> NDArray[Any]:
    """Returns values as an array of numbers.

    Args:
        name: What they are, for messages.
        values: Arrays or lists.
        shape: What shape they should have, for messages.

    Raises:
        UserError: If they are something else.
    """
    try:
        array = np.asarray(values)
    except (ValueError, TypeError, RuntimeError) as error:  # of lists that are ragged, or tensors on a GPU
        came = "lists of several lengths" if isinstance(error, ValueError) else f"a {type(values).__name__}"
        raise UserError(f"{name} must be numbers of shape {shape}, got {came}") from error
    if array.dtype.kind not in "fiub":
        raise UserError(f"{name} must be numbers of shape {shape}, got {_described(values, array)}")
    return array


def are_finite(array: NDArray[Any]) -> NDArray[np.bool_]:
    """Returns which numbers a network can take: those that are finite in single precision."""
    finite: NDArray[np.bool_] = np.abs(array) <= LARGEST
    return finite


def _described(values: Any, array: NDArray[Any]) -> str:
    return f"{array.dtype}" if isinstance(values, np.ndarray | list | tuple) else f"a {type(values).__name__}"
