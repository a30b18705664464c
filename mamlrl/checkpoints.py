"""Checkpoints: written atomically, loaded without running code from the file."""

from __future__ import annotations

import os
import pickle
from pathlib import Path
from typing import Any

import torch

from mamlrl._version import __version__
from mamlrl.config import Config, plain_config, restore_config
from mamlrl.errors import UserError

FORMAT = "mamlrl checkpoint"
FORMAT_VERSION = 1


def save_checkpoint(path: Path, config: Config, state: dict[str, Any]) -> None:
    """Writes a checkpoint such that `path` holds either the old one or the whole new one.

    Args:
        path: Where to.
        config: The resolved experiment.
        state: Tensors and plain Python values.

    Raises:
        UserError: If the file cannot be written; the old one stays.
    """
    content = {
        "format": FORMAT,
        "format_version": FORMAT_VERSION,
        "mamlrl_version": __version__,
        "config": plain_config(config),
        "state": state,
    }
    temporary = path.with_name(path.name + ".tmp")
    try:
        with open(temporary, "wb") as file:
            torch.save(content, file)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except (OSError, RuntimeError) as error:
        temporary.unlink(missing_ok=True)
        raise UserError(f"cannot write checkpoint {path}: {error}; the last one written is kept") from None


def load_checkpoint(path: Path, device: str = "cpu") -> tuple[Config, dict[str, Any]]:
    """Reads a checkpoint.

    Args:
        path: A checkpoint file.
        device: Where to put its tensors.

    Returns:
        The experiment and the state saved with it.

    Raises:
        UserError: If the file is missing, not a checkpoint, damaged, or of another version.
    """
    if not path.is_file():
        raise UserError(f"no checkpoint at {path}")
    try:
        content = torch.load(path, map_location=device, weights_only=True)
    except pickle.UnpicklingError:
        raise UserError(
            f"{path} is not a mamlrl checkpoint: it holds objects other than tensors and numbers"
        ) from None
    except (OSError, RuntimeError, EOFError, ValueError, KeyError) as error:
        reason = str(error).splitlines()[0] if str(error) else "the file is empty"
        raise UserError(f"{path} is not a checkpoint or is damaged: {reason}") from None
    if not isinstance(content, dict) or content.get("format") != FORMAT:
        raise UserError(f"{path} is not a mamlrl checkpoint")
    if content.get("format_version") != FORMAT_VERSION:
        raise UserError(
            f"{path} has checkpoint format {content.get('format_version')}, written by mamlrl "
            f"{content.get('mamlrl_version')}; mamlrl {__version__} reads format {FORMAT_VERSION}: "
            "use that version, or train again"
        )
    return restore_config(content["config"]), content["state"]
