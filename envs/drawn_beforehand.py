"""Families whose random numbers of all steps are drawn when an episode begins."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from mamlrl.envs.arrays import Array, rows
from mamlrl.envs.task_generators import Draw
from mamlrl.envs.task_vector_env import TaskVectorEnv


class DrawnBeforehandVectorEnv(TaskVectorEnv):
    """A family that takes its random numbers from arrays of shape (num_envs, horizon), so that no step draws any.

    Args:
        num_envs: Number of sub-environments.
        **kwargs: See `TaskVectorEnv`.
    """

    def __init__(self, num_envs: int, **kwargs: Any) -> None:
        super().__init__(num_envs, **kwargs)
        self._everyone = self.asarray(np.arange(num_envs))

    def _draw_again(self, chosen: Array, draw: Draw, before: Sequence[Array]) -> list[Array]:
        """Returns arrays whose rows are new for the chosen sub-environments, and as before for the others.

        As many numbers are drawn whoever is chosen.
        """
        drawn = map(self.asarray, self._draw_states(np.ones(self.num_envs, dtype=np.bool_), draw))
        return [self.xp.where(rows(chosen, old), new, old) for new, old in zip(drawn, before, strict=True)]

    @property
    def _now(self) -> tuple[Array, Array]:
        """Where the numbers of this step are in the arrays."""
        return self._everyone, self._elapsed.clip(0, self.horizon - 1)
