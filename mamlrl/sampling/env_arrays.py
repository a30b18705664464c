"""Arrays that environments return: of the environment's device, of the right shape, and of numbers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from mamlrl.envs import TaskEnv
from mamlrl.envs.arrays import Array
from mamlrl.envs.info import NUMBERS
from mamlrl.envs.task_env import Frame

_KINDS = {"numbers": ("real floating", "integral", "bool"), "booleans": ("bool",)}  # of the array API
_NUMPY_KINDS = {"numbers": NUMBERS, "booleans": "b"}


class UnexpectedError(Exception):
    """Something else was expected.

    Args:
        came: What came.
        expected: What was expected.
    """

    def __init__(self, came: str, expected: str) -> None:
        super().__init__(came, expected)
        self.came, self.expected = came, expected


def checked_array(
    env: TaskEnv, what: str, value: Any, shape: tuple[int, ...], content: str = "numbers", on_cpu: bool = False
) -> Array:
    """Returns a value as an array, which may be the environment's own, if its shape and type are right.

    Nothing waits for the device: the numbers themselves are not looked at.

    Args:
        env: The environment that it came from.
        what: What it is, for the error.
        value: The value; where the environment has NumPy arrays, anything that NumPy takes for one.
        shape: Expected shape.
        content: `numbers` or `booleans`.
        on_cpu: Whether a NumPy array is expected whatever the device.

    Raises:
        UnexpectedError: If it is something else.
    """
    if on_cpu or env.xp is np:
        try:
            array = np.asarray(value)
        except Exception as error:
            raise UnexpectedError(f"{what} of {kind_of(value)}", f"{content} of shape {shape}") from error
        if array.shape != shape or array.dtype.kind not in _NUMPY_KINDS[content]:
            raise UnexpectedError(f"{what} of {kind_of(array)}", f"{content} of shape {shape}")
        return array
    here = getattr(value, "device", None) == env.device and not isinstance(value, np.ndarray)
    if not here or tuple(value.shape) != shape or not env.xp.isdtype(value.dtype, _KINDS[content]):
        raise UnexpectedError(
            f"{what} of {kind_of(value)}", f"a tensor of {content} of shape {shape} on {env.device}"
        )
    return value


def checked_pictures(pictures: Any, count: int) -> Sequence[Frame]:
    """Returns the pictures of all sub-environments if they are as many, and pictures.

    Raises:
        UnexpectedError: If they are something else.
    """
    if not isinstance(pictures, tuple | list) or len(pictures) != count:
        raise UnexpectedError(kind_of(pictures), f"a tuple of {count} pictures")
    for picture in pictures:
        shape = np.shape(picture)
        if getattr(picture, "dtype", None) != np.uint8 or len(shape) != 3 or shape[-1] != 3 or 0 in shape:
            raise UnexpectedError(kind_of(picture), "pictures of shape (height, width, 3) and type uint8")
    return pictures


def kind_of(value: Any) -> str:
    """Says what a value is."""
    if isinstance(value, np.ndarray):
        return f"shape {value.shape} and type {value.dtype}"
    if isinstance(value, tuple | list):
        return f"a {type(value).__name__} of {len(value)}"
    if hasattr(value, "dtype") and hasattr(value, "device"):
        return f"shape {tuple(value.shape)} and type {value.dtype} on {value.device}"
    return f"type {type(value).__name__}"
