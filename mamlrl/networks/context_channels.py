"""A context for images: free parameters that are further channels of every image, for an inner loop to adapt.

Finn et al. 2017, Table 3 and appendix C.2. A constant channel would do nothing, since normalisation by the batch
removes it from the first convolution; so the context has a free parameter for every pixel.
"""

from __future__ import annotations

from collections.abc import Callable
from math import prod

import torch
from torch import Tensor

from mamlrl.networks.autograd_linearization import AutogradNetwork
from mamlrl.networks.image_network import scaled
from mamlrl.networks.network import Network


class ContextChannels(AutogradNetwork):
    """A network for images whose inputs are followed by channels of free parameters.

    Args:
        network: The network for images with all channels.
        context_shape: Number of channels C that are free parameters, height and width; they come last, in the
            images and among the parameters.
    """

    def __init__(self, network: Network, context_shape: tuple[int, int, int]) -> None:
        self.distribution = network.distribution
        self.network = network
        self.context_shape = context_shape

    @property
    def shapes(self) -> dict[str, tuple[int, ...]]:
        """See `Policy.shapes`."""
        return {**self.network.shapes, "context": self.context_shape}

    @property
    def sample_cost(self) -> float:
        """See `Network.sample_cost`."""
        return self.network.sample_cost

    def init(self, generator: torch.Generator, dtype: torch.dtype = torch.float32) -> Tensor:
        """Draws parameters as for any images with so many channels; the context is 0."""
        params = self.network.init(generator, dtype)
        return torch.cat([params, params.new_zeros(prod(self.context_shape))])

    def bind(self, params: Tensor) -> Callable[[Tensor], Tensor]:
        """See `Policy.bind`; for the shapes of images, `ImageNetwork.bind`."""
        rest, flat = params.split([self.network.num_parameters, prod(self.context_shape)], dim=-1)
        context = flat.unflatten(-1, self.context_shape).unsqueeze(-4)  # every sample has the same
        evaluate = self.network.bind(rest)

        def with_context(observations: Tensor) -> Tensor:
            images = scaled(observations, params.dtype)
            channels = context.expand(*images.shape[:-3], -1, -1, -1)
            return evaluate(torch.cat([images, channels], dim=-3))

        return with_context
