"""The network for images without convolutions, for one set of parameters or one for each task."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from math import prod

import torch
from torch import Tensor
from torch.nn import functional

from mamlrl.errors import UserError
from mamlrl.networks.distribution import Distribution
from mamlrl.networks.image_network import MLP_ACTIVATIONS, ImageNetwork, scaled


@dataclass(frozen=True)
class DenseNetwork(ImageNetwork):
    """Linear layers from all pixels, each with batch normalisation and ReLU, then a linear layer.

    Santoro et al. 2016 have it for Omniglot, and Finn et al. 2017 in the rows "no conv" of Table 1, with layers of
    256, 128, 64 and 64 units. It normalises as `ConvolutionalNetwork` does, by the batch at hand.

    Attributes:
        image_shape: Channels, height and width of the inputs.
        distribution: Distribution of the targets.
        hidden_sizes: Units of each layer.

    Example:
        >>> from mamlrl.networks.categorical import Categorical
        >>> network = DenseNetwork((1, 28, 28), Categorical(5))
        >>> params = network.init(torch.Generator().manual_seed(0))
        >>> network(params, torch.rand(10, 1, 28, 28)).shape
        torch.Size([10, 5])
    """

    image_shape: tuple[int, int, int]
    distribution: Distribution
    hidden_sizes: tuple[int, ...] = (256, 128, 64, 64)

    @property
    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Name and shape of every parameter tensor, in the order of the flat vector."""
        shapes: dict[str, tuple[int, ...]] = {}
        sizes = [prod(self.image_shape), *self.hidden_sizes]
        for layer, (inputs, units) in enumerate(pairwise(sizes)):
            shapes[f"layer{layer}.weight"] = (inputs, units)
            shapes[f"layer{layer}.gain"] = shapes[f"layer{layer}.bias"] = (units,)
        head = f"layer{len(self.hidden_sizes)}"
        shapes[f"{head}.weight"] = (sizes[-1], self.distribution.head_size)
        shapes[f"{head}.bias"] = (1, self.distribution.head_size)
        return shapes

    @property
    def sample_cost(self) -> float:
        """See `Network.sample_cost`."""
        return sum(self.hidden_sizes) / MLP_ACTIVATIONS

    def evaluate(self, params: Tensor, observations: Tensor) -> Tensor:
        """See `ImageNetwork.evaluate`; one image alone cannot be normalised, and is refused with a UserError."""
        hidden = scaled(observations, params.dtype).flatten(-3)
        hidden = hidden.reshape(-1, *hidden.shape[-2:])
        tasks, samples, _ = hidden.shape
        if samples == 1:
            raise UserError(
                "the dense network normalises with the mean and variance of the images at hand, and one has none; "
                "give it several at once"
            )
        tensors = self.unflatten(params.expand(tasks, -1))
        for layer in range(len(self.hidden_sizes)):
            weight, gain, bias = (tensors[f"layer{layer}.{name}"] for name in ("weight", "gain", "bias"))
            by_unit = torch.bmm(hidden, weight).transpose(0, 1).flatten(1)  # units of all tasks are those of one
            normalized = functional.batch_norm(by_unit, None, None, gain.flatten(), bias.flatten(), training=True)
            hidden = torch.relu(normalized).unflatten(1, (tasks, -1)).transpose(0, 1)
        head = f"layer{len(self.hidden_sizes)}"
        outputs = torch.baddbmm(tensors[f"{head}.bias"], hidden, tensors[f"{head}.weight"])
        return outputs.reshape(*observations.shape[:-3], -1)
