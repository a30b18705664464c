"""Devices that networks run on."""

from __future__ import annotations

import os
import shutil

import torch

from mamlrl.errors import UserError

DEVICE_TYPES = ("cpu", "cuda")


def make_device(name: str, precision: str = "highest") -> torch.device:
    """Returns a device that exists, and sets how precise matrix products are in this process.

    Args:
        name: Such as `cpu` or `cuda`.
        precision: `highest`, `high` or `medium`, as in `torch.set_float32_matmul_precision`.

    Raises:
        UserError: If there is no such device, or it lacks what is needed (double precision).
    """
    torch.set_float32_matmul_precision(precision)
    torch.backends.cudnn.allow_tf32 = precision != "highest"  # of convolutions, in TF32 by PyTorch's default
    try:
        device = torch.device(name)
        torch.zeros(1, device=device)
        exists = device.type in DEVICE_TYPES
    except (RuntimeError, AssertionError, NotImplementedError):
        exists = False
    if not exists:
        found = ["cpu", *(f"cuda:{index}" for index in range(torch.cuda.device_count()))]
        raise UserError(f"device: there is no {name} here; there are: {', '.join(found)}")
    return device


def missing_compiler(device: torch.device) -> str | None:
    """Returns the C++ compiler that PyTorch would compile with for a device, if it needs one that is not there."""
    compiler = os.environ.get("CXX", "g++")
    return compiler if device.type == "cpu" and shutil.which(compiler) is None else None
