"""Adam as an outer optimizer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.optim.adam import adam

from mamlrl.outer.optimizer import GradientOptimizer
from mamlrl.settings.numbers import PositiveFinite
from mamlrl.settings.section import Section


@dataclass(frozen=True)
class AdamConfig(Section):
    """The outer optimizer `adam`, and the one within `promp`.

    Attributes:
        learning_rate: Step size.
    """

    learning_rate: PositiveFinite = 1e-3


class Adam(GradientOptimizer):
    """Adam (Kingma & Ba 2015) on the meta-gradient.

    Args:
        config: The learning rate.
        theta: Meta-parameters, whose shape, type and device the moments have.
    """

    def __init__(self, config: AdamConfig, theta: Tensor) -> None:
        self._learning_rate = config.learning_rate
        self._state = {
            "step": torch.zeros((), device=theta.device),
            "exp_avg": torch.zeros_like(theta),
            "exp_avg_sq": torch.zeros_like(theta),
        }

    def descend(self, theta: Tensor, gradient: Tensor) -> Tensor:
        """See `GradientOptimizer.descend`."""
        theta = theta.clone()
        adam(  # a function, unlike PyTorch's optimizers, can be compiled together with what the gradient takes
            [theta],
            [gradient],
            [self._state["exp_avg"]],
            [self._state["exp_avg_sq"]],
            [],
            [self._state["step"]],
            amsgrad=False,
            beta1=0.9,
            beta2=0.999,
            lr=self._learning_rate,
            weight_decay=0.0,
            eps=1e-8,
            maximize=False,
        )
        return theta

    @property
    def tensors(self) -> Mapping[str, Tensor]:
        """The moments."""
        return {
            "the first moment of adam": self._state["exp_avg"],
            "the second moment of adam": self._state["exp_avg_sq"],
        }

    def state_dict(self) -> dict[str, Any]:
        """Returns a copy of Adam's moments."""
        return {name: value.to("cpu", copy=True) for name, value in self._state.items()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restores Adam's moments.

        Raises:
            ValueError: If they are not those of as many parameters.
        """
        for name, value in self._state.items():
            if (state[name].shape, state[name].dtype) != (value.shape, value.dtype):
                raise ValueError(f"optimizer.{name} is not of shape {tuple(value.shape)} and {value.dtype}")
        self._state = {name: state[name].to(value.device) for name, value in self._state.items()}
