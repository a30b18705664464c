"""Noticing episodes that were recorded with another policy than the one that adapts to them."""

from __future__ import annotations

from torch import Tensor

from mamlrl.errors import UserError

OTHER_POLICY = 0.02, 1e-3  # difference of log-probabilities that shows it: absolute, plus relative


def check_same_policy(index: int, recorded: Tensor, now: Tensor) -> None:
    """Raises a UserError if the log-probabilities of an episode's actions differ, both of shape (time,)."""
    absolute, relative = OTHER_POLICY
    wrong = ((recorded - now).abs() > absolute + relative * now.abs()).nonzero()
    if len(wrong):
        step = int(wrong[0])
        raise UserError(
            f"episode {index}: was recorded with another policy than the one adapted: the log-probability of its "
            f"action in step {step} was {float(recorded[step]):.3f}, not {float(now[step]):.3f}; adapt the policy "
            "that acted"
        )
