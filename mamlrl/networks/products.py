"""Matrix products of every task's samples and weights, whichever way is fastest for their shapes."""

from __future__ import annotations

import torch
from torch import Tensor

FEW_COLUMNS = 32  # results with as few are computed transposed, up to six times as fast


def affine(bias: Tensor, x: Tensor, weight: Tensor) -> Tensor:
    """Evaluates x @ weight + bias of every task, shape (task, sample, outputs).

    Args:
        bias: Shape (task, 1, outputs).
        x: Shape (task, sample, inputs).
        weight: Shape (task, inputs, outputs).
    """
    if weight.shape[1] == 1:  # for a single input or output, matrix products have more overhead than work
        return torch.addcmul(bias, x, weight)
    if weight.shape[2] <= FEW_COLUMNS:
        return torch.baddbmm(bias.mT, weight.mT.contiguous(), x.mT).mT
    return torch.baddbmm(bias, x, weight)


def add_product(total: Tensor, x: Tensor, weight: Tensor) -> None:
    """Adds x @ weight of every task to a total in place, all of them with the shapes of `affine`."""
    if weight.shape[2] <= FEW_COLUMNS:
        total.mT.baddbmm_(weight.mT.contiguous(), x.mT)
    else:
        total.baddbmm_(x, weight)


def outer(x: Tensor, delta: Tensor) -> Tensor:
    """Evaluates x^T @ delta of every task, shape (task, inputs, outputs).

    Args:
        x: Shape (task, sample, inputs).
        delta: Shape (task, sample, outputs).
    """
    if delta.shape[2] <= FEW_COLUMNS:
        return torch.bmm(delta.mT, x).mT
    return torch.bmm(x.mT, delta)
