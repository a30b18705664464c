"""What a checkpoint may hold: checked when it is read, rather than found out while a run goes on with it."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from zipfile import ZIP_STORED, ZipFile

import numpy as np
import torch
from torch import Tensor

DTYPES = (
    *(torch.float16, torch.bfloat16, torch.float32, torch.float64),
    *(torch.uint8, torch.int8, torch.int16, torch.int32, torch.int64, torch.bool),
)
MOST_VALUES, MOST_LEVELS = 10**6, 30
CUDA_BYTES = 16  # of the state of a generator on such a device


class StrangeContentError(Exception):
    """A file does not hold what a checkpoint may hold; the message says what is strange, without the file."""


def check_entries(archive: ZipFile, path: Path) -> None:
    """Checks an archive's entries before any is read: none is compressed, and all together fit into the file.

    Raises:
        StrangeContentError: If an entry is compressed, or all together are larger than the file.
    """
    entries = archive.infolist()
    if any(entry.compress_type != ZIP_STORED or entry.file_size != entry.compress_size for entry in entries):
        raise StrangeContentError("it is compressed, which no checkpoint is")
    if sum(entry.file_size for entry in entries) > path.stat().st_size:
        raise StrangeContentError("its entries are larger than the file")


def check_plain(content: Any) -> None:
    """Checks that content is dicts, lists, tensors and plain values, and not too much of it.

    Raises:
        StrangeContentError: If it is not.
    """
    left = iter(range(MOST_VALUES))
    for value in _values(content, 0):
        if next(left, None) is None:
            raise StrangeContentError("it holds too many values")
        if torch.is_tensor(value):
            if not _is_ordinary(value):
                raise StrangeContentError("it holds tensors of a strange kind")
        elif not isinstance(value, str | bytes | bool | int | float | None):
            raise StrangeContentError(f"it holds a {type(value).__name__}")


def _is_ordinary(value: Tensor) -> bool:
    """Returns whether a tensor has a number in memory for each of its elements."""
    dense = value.layout == torch.strided and not value.is_meta and value.dtype in DTYPES
    return dense and value.numel() * value.element_size() <= value.untyped_storage().nbytes()


def _values(content: Any, level: int) -> Iterator[Any]:
    """Everything in nested dicts and lists that is neither."""
    if level > MOST_LEVELS:
        raise StrangeContentError("it is nested too deep")
    if isinstance(content, dict):
        if not all(isinstance(key, str | int) for key in content):
            raise StrangeContentError("it holds keys that are neither text nor numbers")
        yield None  # empty ones count, too
        for value in content.values():
            yield from _values(value, level + 1)
    elif isinstance(content, list | tuple):
        yield None
        for value in content:
            yield from _values(value, level + 1)
    else:
        yield content


def check_state(state: dict[str, Any], iterations: int) -> None:
    """Checks what states of all learners have in common; `params` and `iteration` alone must be there.

    Args:
        state: The state, with `params` and `iteration`.
        iterations: Meta-iterations of the experiment.

    Raises:
        StrangeContentError: If a part cannot be what a learner saved; the message names it.
    """
    params = state["params"]
    if params.dim() != 1 or params.dtype not in (torch.float32, torch.float64) or params.requires_grad:
        raise StrangeContentError(
            f"params must be a vector of floats, got {params.dtype} of shape {tuple(params.shape)}"
        )
    _check_finite("params", params)
    for name in ("iteration", "env_steps"):
        count = state.get(name, None if name == "iteration" else 0)
        if type(count) is not int or not 0 <= count < 2**63:
            raise StrangeContentError(f"{name} must be a whole number from 0, got {_shown(count)}")
    if state["iteration"] > iterations:
        raise StrangeContentError(f"iteration {state['iteration']} is none of the {iterations} of its experiment")
    score = state.get("best_score", 0.0)
    if not isinstance(score, float) or not (math.isfinite(score) or score == -math.inf):
        raise StrangeContentError(f"best_score must be a finite number, or -inf for none, got {_shown(score)}")
    _check_generators(state)
    _check_tensors("optimizer", state.get("optimizer", {}))
    _check_tensors("normalizer", state.get("normalizer", {}))


def _check_tensors(part: str, values: Any) -> None:
    if not isinstance(values, dict):
        raise StrangeContentError(f"{part} must have keys of its own, got {_shown(values)}")
    for name, value in values.items():
        if torch.is_tensor(value):
            _check_finite(f"{part}.{name}", value)


def _check_finite(name: str, values: Tensor) -> None:
    wrong = int((~values.isfinite()).sum())
    if wrong:
        raise StrangeContentError(f"{wrong} of {values.numel()} numbers in {name} are not finite")


def _check_generators(state: dict[str, Any]) -> None:
    """Checks the states of the generators as far as that takes no device; those of CUDA's are 16 bytes."""
    if "rng" in state:
        bits = np.random.default_rng(0).bit_generator
        try:
            bits.state = state["rng"]
            restored = bits.state == state["rng"]
        except (TypeError, ValueError, KeyError, OverflowError, AttributeError):
            restored = False
        if not restored:
            raise StrangeContentError("rng is not the state of a generator")
    generator = state.get("generator")
    if "generator" in state and not _is_generator(generator):
        raise StrangeContentError("generator is not the state of a generator")


def _is_generator(state: Any) -> bool:
    if not torch.is_tensor(state) or state.dtype != torch.uint8 or state.dim() != 1:
        return False
    if len(state) == CUDA_BYTES:
        return True
    try:
        torch.Generator().set_state(state.cpu())
    except (RuntimeError, TypeError):
        return False
    return True


def _shown(value: Any) -> str:
    return repr(value)[:40]
