"""Numbers that environments tell of in `info`, and what to say where there are none."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from mamlrl.errors import suggestion

NUMBERS = "fiub"  # kinds of NumPy types that count as numbers


def missing(key: str, info: Any) -> str:
    """Says that an info lacks a key, and which key of it is nearest.

    Args:
        key: The key, which the setting `env.info` names.
        info: What `step` returned as info.
    """
    if not isinstance(info, Mapping):
        return f"info is of type {type(info).__name__}, not a dict with the key {key} that env.info names"
    names = [name for name in info if isinstance(name, str) and not name.startswith("_")]
    others = f"; there are: {', '.join(names)}" if names else "; it is empty"
    return f"info has no key {key}, which env.info names{suggestion(key, names) or others}"


def number_of(info: Any, key: str) -> float:
    """Returns the number that an ordinary environment's info has for a key.

    Raises:
        ValueError: If the key is missing, or its value is not a finite number; the message names the key.
    """
    if not isinstance(info, Mapping) or key not in info:
        raise ValueError(missing(key, info))
    value = np.asarray(info[key])
    if value.shape != () or value.dtype.kind not in NUMBERS or not np.isfinite(value):
        raise ValueError(f"info has {info[key]!r} for {key}, which env.info names; it must be a finite number")
    return float(value)
