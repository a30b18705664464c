"""Step sizes of the inner loop, fixed or learned with the meta-parameters, and which parameters they adapt."""

from __future__ import annotations

from collections.abc import Callable
from math import prod
from typing import Literal

import torch
from torch import Tensor

from mamlrl.errors import UserError
from mamlrl.networks.network import Policy

Adapted = Literal["all", "last_layer", "biases", "context"]
LearnedStepSize = Literal["none", "one", "per_layer", "per_parameter"]


def adapted_mask(network: Policy, adapted: Adapted) -> Tensor:
    """Returns 1 for the parameters that adaptation changes, else 0, shape (P,).

    Args:
        network: Whose parameters.
        adapted: `all`, `last_layer`, `biases` or `context`.

    Raises:
        UserError: If the network has no such parameters.
    """
    layers = [name.split(".")[0] for name in network.shapes if name.startswith("layer")]
    chosen: Callable[[str], bool] = {
        "all": lambda name: True,
        "last_layer": lambda name: name.split(".")[0] in (layers[-1], "log_std"),
        "biases": lambda name: name.endswith("bias"),
        "context": lambda name: name == "context",
    }[adapted]
    if not any(map(chosen, network.shapes)):
        raise UserError(
            f"adaptation.adapted: the network has no {adapted} parameters; set policy.context_size, or "
            "network.context_size in experiments of kind supervised"
        )
    return torch.cat([torch.full((prod(shape),), float(chosen(name))) for name, shape in network.shapes.items()])


class StepSizes:
    """A step size for every parameter, as a linear function of R learned numbers.

    Args:
        network: Whose parameters are adapted.
        adapted: Which of them, see `adapted_mask`.
        step_size: Where it is learned, the initial one.
        learned: Which step sizes are learned: `none`, `one`, one `per_layer`, or one `per_parameter`.

    Attributes:
        num_parameters: R; 0 where the step size is fixed.
    """

    def __init__(
        self, network: Policy, adapted: Adapted, step_size: float, learned: LearnedStepSize = "none"
    ) -> None:
        self._mask = adapted_mask(network, adapted)
        self._initial = step_size
        self._owners = _owners(network, learned)
        self.num_parameters = 0 if learned == "none" else int(self._owners.max()) + 1

    def init(self) -> Tensor:
        """Returns the learned numbers at the start, shape (R,)."""
        return torch.full((self.num_parameters,), self._initial)

    def expand(self, learned: Tensor) -> Tensor:
        """Returns the step size of every parameter, 0 where it is not adapted, shape (P,), from shape (R,)."""
        mask = self._mask.to(learned)
        return mask * learned[self._owners.to(learned.device)] if self.num_parameters else mask * self._initial

    def metrics(self, learned: Tensor) -> dict[str, float]:
        """Returns the mean step size of the adapted parameters where it is learned, from shape (R,)."""
        if not self.num_parameters:
            return {}
        return {"step_size/mean": float(self.expand(learned).sum() / self._mask.sum())}

    def reduce(self, cotangents: Tensor) -> Tensor:
        """The transpose of `expand`'s derivative: shape (P,) to (R,)."""
        reduced = cotangents.new_zeros(self.num_parameters)
        if not self.num_parameters:
            return reduced
        return reduced.index_add(0, self._owners.to(cotangents.device), self._mask.to(cotangents) * cotangents)


def _owners(network: Policy, learned: LearnedStepSize) -> Tensor:
    """Index of the learned number that is each parameter's step size, shape (P,)."""
    if learned == "per_parameter":
        return torch.arange(network.num_parameters)
    layers = list(dict.fromkeys(name.split(".")[0] for name in network.shapes))
    owner = {name: layers.index(name.split(".")[0]) if learned == "per_layer" else 0 for name in network.shapes}
    return torch.cat([torch.full((prod(shape),), owner[name]) for name, shape in network.shapes.items()])
