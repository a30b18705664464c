"""Arrays of a device: NumPy arrays on the CPU, torch tensors on a GPU, one code for both.

The code is written against the array API standard (https://data-apis.org/array-api): functions of the namespace
`xp`, operators, and methods that both have. On a GPU, nothing in a time step may wait for a number: use `xp.where`
in place of boolean indices, and `may_be_any` in place of `any`.
"""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from importlib import import_module
from typing import Any

import numpy as np
from gymnasium.spaces import Discrete
from numpy.typing import NDArray

from mamlrl.envs.arguments import check_choice
from mamlrl.errors import UserError

Array = Any  # of a device: a NumPy array, or a torch tensor
ARRAY_MODULES = {"numpy": "numpy", "torch": "array_api_compat.torch"}  # by name, where their namespaces are
_imported: dict[str, Any] = {}


def namespace(array_module: str) -> Any:
    """Returns the array API's namespace of `numpy` or `torch` arrays."""
    if array_module not in _imported:
        _imported[array_module] = import_module(ARRAY_MODULES[array_module])
    return _imported[array_module]


def choose_module(array_module: str | None, device: str) -> str:
    """Returns the name of the module whose arrays an environment works on.

    Args:
        array_module: `numpy` or `torch`; None stands for NumPy on the CPU, and torch elsewhere.
        device: The environment's device, such as `cpu` or `cuda`.

    Raises:
        ValueError: If there is no such module or device, or the module has no arrays on the device.
    """
    on_cpu = device == "cpu"
    chosen = array_module or ("numpy" if on_cpu else "torch")
    check_choice("array_module", chosen, ARRAY_MODULES)
    if chosen == "numpy" and not on_cpu:
        raise ValueError(f"array_module numpy has arrays on the CPU alone, not on {device}; leave it out")
    return chosen


def find_device(array_module: str, device: str) -> Any:
    """Returns a device as its arrays name it: `cpu` of NumPy's, a `torch.device` of torch's.

    Raises:
        ValueError: If there is no such device.
    """
    if array_module == "numpy":
        return device
    from mamlrl.devices import make_device  # noqa: PLC0415 (environments of NumPy arrays do without torch)

    try:
        tensor = namespace("torch").empty(0, device=make_device(device))
    except UserError as error:
        raise ValueError(str(error)) from error
    return tensor.device  # with its number, as all tensors have it


def on_host(array: Array) -> NDArray[Any]:
    """Returns an array, or a list of numbers, as a NumPy array: the same memory if it is an array on the CPU."""
    return np.asarray(array.cpu() if hasattr(array, "cpu") else array)


def may_be_any(flags: Array) -> bool:
    """Whether any flag may be set: NumPy's are looked at; for a tensor's, one would have to wait.

    Example:
        >>> may_be_any(np.array([False, False]))
        False
    """
    return bool(flags.any()) if isinstance(flags, np.ndarray) else True


def quiet(xp: Any) -> AbstractContextManager[Any]:
    """Lets NumPy compute with numbers that are not finite without a warning, which torch never gives."""
    return np.errstate(invalid="ignore", over="ignore") if xp is np else nullcontext()


def rows(flags: Array, like: Array) -> Array:
    """Returns flags of shape (n,) as an array that broadcasts with one of shape (n, ...)."""
    return flags.reshape(-1, *(1,) * (like.ndim - 1))


def discrete_actions(actions: Array, running: Array, space: Discrete) -> Array:
    """Returns the actions of running episodes, and for the others, whose actions are ignored, some of the space.

    Args:
        actions: Shape (num_envs,).
        running: Which episodes have not ended, shape (num_envs,).
        space: Space of one action.

    Raises:
        ValueError: If they are no whole numbers, or one is not in the space, which only NumPy arrays tell at once.
    """
    first, last = int(space.start), int(space.start + space.n - 1)
    on_cpu = isinstance(actions, np.ndarray)
    is_whole = actions.dtype.kind in "iu" if on_cpu else "int" in str(actions.dtype)
    inside = actions.clip(first, last) if is_whole else None
    if inside is None or (on_cpu and bool((running & (actions != inside)).any())):
        raise ValueError(f"actions must be whole numbers from {first} to {last}, got {actions}")
    return inside
