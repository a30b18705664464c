"""Settings that all networks have."""

from __future__ import annotations

from dataclasses import dataclass

from mamlrl.networks.mlp_layout import Activation
from mamlrl.settings.numbers import NonNegativeInt, PositiveInt
from mamlrl.settings.section import Section


@dataclass(frozen=True)
class LayersConfig(Section):
    """The layers of a network.

    Attributes:
        hidden_sizes: Units of each hidden layer; for images, filters of each block of convolutions.
        activation: Nonlinearity between layers.
        context_size: Length of a vector of free parameters that is appended to the observation, 0 for none; for
            images, the number of channels of free parameters.
    """

    hidden_sizes: tuple[PositiveInt, ...] = (100, 100)
    activation: Activation = "relu"
    context_size: NonNegativeInt = 0
