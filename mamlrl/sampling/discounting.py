"""Discounted sums over time."""

from __future__ import annotations

import torch
from torch import Tensor


def discounted_sum(x: Tensor, discount: float) -> Tensor:
    """Sums the future: y_t = sum over s >= t of discount^(s - t) x_s.

    Args:
        x: Shape (..., time).
        discount: Discount of the future, in [0, 1].

    Returns:
        y, same shape.
    """
    time = torch.arange(x.shape[-1], device=x.device)
    lag = time[:, None] - time[None, :]
    matrix = torch.where(lag >= 0, torch.as_tensor(discount, dtype=x.dtype) ** lag.clamp(min=0), 0.0)
    return x @ matrix.to(x.dtype)
