"""Checkpoints: written atomically, loaded without running code from the file."""

from __future__ import annotations

import os
import warnings
from collections.abc import Mapping
from pathlib import Path
from pickle import UnpicklingError
from typing import Any, BinaryIO
from zipfile import ZipFile

import torch

from mamlrl._version import __version__
from mamlrl.errors import UserError
from mamlrl.experiments.experiment import Experiment
from mamlrl.experiments.objects import with_objects
from mamlrl.experiments.plain import plain_experiment, restore_experiment
from mamlrl.files import AnyPath, os_errors_as, replaced
from mamlrl.runs.checkpoint_content import StrangeContentError, check_entries, check_plain, check_state

FORMAT = "mamlrl checkpoint"
FORMAT_VERSION = 1


def save_checkpoint(path: AnyPath, config: Experiment, state: dict[str, Any]) -> None:
    """Writes a checkpoint such that `path` holds either the old one or the whole new one.

    Args:
        path: File to write.
        config: The resolved experiment.
        state: Tensors and plain Python values.

    Raises:
        UserError: If the file cannot be written; the old one stays.
    """
    path = Path(path)
    content = {
        "format": FORMAT,
        "format_version": FORMAT_VERSION,
        "mamlrl_version": __version__,
        "config": plain_experiment(config),
        "state": state,
    }
    kept = "; the last one written is kept" if os.path.isfile(path) else ""
    with os_errors_as(f"cannot write checkpoint {path}", kept), replaced(path) as file:
        _write(content, file)


def _write(content: dict[str, Any], file: BinaryIO) -> None:
    try:
        torch.save(content, file)
    except RuntimeError as error:  # torch hides the file's error behind one of its own
        raise OSError(error.__context__ or error) from error


def load_checkpoint(path: AnyPath, objects: Mapping[str, Any] | None = None) -> tuple[Experiment, dict[str, Any]]:
    """Reads a checkpoint.

    Args:
        path: A checkpoint file.
        objects: The objects that its experiment had in place of names, by dotted key, such as
            `{"policy.architecture": module}`. Without them, it can be read, but nothing that needs them be made.

    Returns:
        The experiment and the state saved with it, its tensors on the CPU.

    Raises:
        UserError: If the file is missing, not a checkpoint, damaged, or of another version; or if its experiment
            names a module that is not imported, or had no such objects.
    """
    path = Path(path)
    if not os.path.isfile(path):  # False, too, for a name that no file can have
        raise UserError(f"no checkpoint at {path}")
    content = _read(path)
    if not isinstance(content, dict) or content.get("format") != FORMAT:
        raise UserError(f"{path} is not a mamlrl checkpoint")
    if content.get("format_version") != FORMAT_VERSION:
        raise UserError(
            f"{path} has checkpoint format {_shown(content.get('format_version'))}, written by mamlrl "
            f"{_shown(content.get('mamlrl_version'))}; mamlrl {__version__} reads format {FORMAT_VERSION}: "
            "use that version, or train again"
        )
    config, state = content.get("config"), content.get("state")
    if not isinstance(config, dict) or not isinstance(state, dict) or not torch.is_tensor(state.get("params")):
        raise UserError(f"{path} is a damaged checkpoint: its config or its state with params is missing")
    try:
        experiment = with_objects(restore_experiment(config), objects or {})
    except UserError as error:
        raise UserError(f"{path} holds an experiment that cannot be used: {error}") from error
    try:
        check_state(state, experiment.iterations)
    except StrangeContentError as error:
        raise UserError(f"{path} is a damaged checkpoint: {error}; use another copy, or train again") from error
    return experiment, state


def _read(path: Path) -> Any:
    """Returns what a file holds.

    Raises:
        UserError: If it is no archive of tensors and plain values, or one with a wrong checksum, which
            `torch.load` would not notice.
    """
    try:
        with ZipFile(path) as archive, warnings.catch_warnings(action="ignore"):
            check_entries(archive, path)
            damaged = archive.testzip() is not None
            content = None if damaged else torch.load(path, map_location="cpu", weights_only=True)
        check_plain(content)
    except StrangeContentError as error:
        raise UserError(f"{path} is not a mamlrl checkpoint: {error}") from error
    except Exception as error:  # what the readers of damaged bytes raise is not specified
        reason = "it is cut short or altered" if path.stat().st_size else "it is empty"
        if isinstance(error, UnpicklingError):
            reason = "it holds more than tensors and numbers"
        raise UserError(f"{path} is not a mamlrl checkpoint or is damaged: {reason}") from error
    if damaged:
        raise UserError(f"{path} is damaged: its checksum is wrong; use another copy, or train again")
    return content


def _shown(value: object) -> str:
    """Part of a message: one line, and not a long one."""
    return " ".join(str(value).split())[:40]
