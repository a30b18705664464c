"""Modules as programs of their own: PyTorch's exported programs, and ONNX."""

from __future__ import annotations

import io
import logging
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stdout
from importlib.util import find_spec
from pathlib import Path

import torch
from torch import Tensor, nn

from mamlrl.errors import FOREIGN_ERRORS, UserError, one_line
from mamlrl.files import AnyPath, written

_NEEDED = ("onnx", "onnxscript")  # packages for ONNX


def export(module: nn.Module, inputs: dict[str, Tensor], output: str, path: AnyPath) -> None:
    """Writes a module as a program of its own.

    Args:
        module: The module, in evaluation; all inputs and the output have a leading batch axis of any length.
        inputs: Examples of the arguments of `forward`, by name, with a batch of at least 2.
        output: Name of the output.
        path: File `.pt2` or `.onnx`.

    Raises:
        UserError: If the suffix is another, a package is missing, an operation cannot be exported, or the file
            cannot be written.
    """
    suffix = Path(path).suffix
    if suffix not in _FORMATS:
        raise UserError(f"export: the suffix of {path} must be one of {', '.join(_FORMATS)}")
    if suffix == ".onnx" and (missing := [name for name in _NEEDED if find_spec(name) is None]):
        raise UserError(f"export: ONNX needs {', '.join(missing)}: pip install 'mamlrl[onnx]'")
    try:
        with _silence(), torch.no_grad():
            content = _FORMATS[suffix](module.eval(), inputs, output)
    except FOREIGN_ERRORS as error:
        first: BaseException = error
        while first.__cause__ is not None:  # those after it say what PyTorch's developers could do
            first = first.__cause__
        raise UserError(
            f"export: an operation of the network cannot be exported to {suffix}: {one_line(first)}"
        ) from error
    with written(path) as file:
        file.write(content)


def _pt2(module: nn.Module, inputs: dict[str, Tensor], output: str) -> bytes:
    del output
    batch = torch.export.Dim("batch")
    shapes = {name: {0: batch} for name in inputs}
    file = io.BytesIO()
    torch.export.save(torch.export.export(module, tuple(inputs.values()), dynamic_shapes=shapes), file)
    return file.getvalue()


def _onnx(module: nn.Module, inputs: dict[str, Tensor], output: str) -> bytes:
    program = torch.onnx.export(
        module,
        tuple(inputs.values()),
        dynamo=True,
        dynamic_shapes={name: {0: "batch"} for name in inputs},
        input_names=list(inputs),
        output_names=[output],
        verbose=False,
    )
    assert program is not None
    content: bytes = program.model_proto.SerializeToString()
    return content


_FORMATS: dict[str, Callable[[nn.Module, dict[str, Tensor], str], bytes]] = {".pt2": _pt2, ".onnx": _onnx}


@contextmanager
def _silence() -> Iterator[None]:
    """Exporters tell of their work, which is nobody's concern unless it fails."""
    level = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings(action="ignore"), redirect_stdout(io.StringIO()):
            yield
    finally:
        logging.disable(level)
