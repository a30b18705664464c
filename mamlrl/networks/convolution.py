"""The convolutional network of few-shot image classification, for one set of parameters or one for each task."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional

from mamlrl.networks.distribution import Distribution
from mamlrl.networks.image_network import MLP_ACTIVATIONS, ImageNetwork, scaled

Downsampling = Literal["stride", "max_pool"]

KERNEL = 3


@dataclass(frozen=True)
class ConvolutionalNetwork(ImageNetwork):
    """Blocks of 3x3 convolution, batch normalisation and ReLU, then a linear layer (Vinyals et al. 2016).

    Normalisation uses the mean and variance of the batch at hand, the samples of one task, in training and in
    evaluation alike, as the code of Finn et al. 2017 does: classification is transductive. Convolutions have no
    bias, which normalisation would remove, but every block has a gain and a bias after it.

    Attributes:
        image_shape: Channels, height and width of the inputs.
        distribution: Distribution of the targets.
        filters: Number of filters in each block.
        downsampling: How a block halves height and width, rounding up with convolutions of `stride` 2, whose
            last outputs are then averaged over the image (Omniglot in Finn et al. 2017), or rounding down
            with 2x2 `max_pool` after the ReLU (MiniImagenet).
    """

    image_shape: tuple[int, int, int]
    distribution: Distribution
    filters: tuple[int, ...] = (64, 64, 64, 64)
    downsampling: Downsampling = "stride"

    @property
    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Name and shape of every parameter tensor, in the order of the flat vector."""
        shapes: dict[str, tuple[int, ...]] = {}
        channels = self.image_shape[0]
        for layer, filters in enumerate(self.filters):
            shapes[f"layer{layer}.weight"] = (filters, channels, KERNEL, KERNEL)
            shapes[f"layer{layer}.gain"] = shapes[f"layer{layer}.bias"] = (filters,)
            channels = filters
        head = f"layer{len(self.filters)}"
        shapes[f"{head}.weight"] = (self.num_features, self.distribution.head_size)
        shapes[f"{head}.bias"] = (1, self.distribution.head_size)
        return shapes

    @property
    def num_features(self) -> int:
        """How many numbers the linear layer gets; 0 if the image is too small for the max-pooling."""
        height, width = self._sizes[-1]
        return self.filters[-1] * (1 if self.downsampling == "stride" else height * width)

    @property
    def sample_cost(self) -> float:
        """See `Network.sample_cost`."""
        convolved = self._sizes[1:] if self.downsampling == "stride" else self._sizes
        numbers = sum(n * height * width for n, (height, width) in zip(self.filters, convolved, strict=False))
        return numbers / MLP_ACTIVATIONS

    @property
    def _sizes(self) -> list[tuple[int, int]]:
        """Height and width of the inputs, and after each block."""
        _, height, width = self.image_shape
        up = int(self.downsampling == "stride")
        sizes = [(height, width)]
        for _ in self.filters:
            height, width = (height + up) // 2, (width + up) // 2
            sizes.append((height, width))
        return sizes

    def evaluate(self, params: Tensor, observations: Tensor) -> Tensor:
        """See `ImageNetwork.evaluate`; all tasks are evaluated in one grouped convolution per block."""
        images = scaled(observations, params.dtype)
        batches = images.reshape(-1, *images.shape[-4:])
        tensors = self.unflatten(params.expand(len(batches), -1))
        hidden = batches.transpose(0, 1).flatten(1, 2)  # the channels of all tasks are those of one large image
        for layer in range(len(self.filters)):
            hidden = self._block(hidden, *(tensors[f"layer{layer}.{name}"] for name in ("weight", "gain", "bias")))
        features = hidden.mean(dim=(2, 3)) if self.downsampling == "stride" else hidden.flatten(1)
        head = f"layer{len(self.filters)}"
        by_task = features.unflatten(1, (len(batches), -1)).transpose(0, 1)
        outputs = torch.baddbmm(tensors[f"{head}.bias"], by_task, tensors[f"{head}.weight"])
        return outputs.reshape(*observations.shape[:-3], -1)

    def _block(self, images: Tensor, weight: Tensor, gain: Tensor, bias: Tensor) -> Tensor:
        """One block, shape (sample, task x channel, height, width) to (sample, task x filter, ...)."""
        strided = self.downsampling == "stride"
        convolved = functional.conv2d(
            images, weight.flatten(0, 1), stride=2 if strided else 1, padding=KERNEL // 2, groups=len(weight)
        )
        normalized = functional.batch_norm(convolved, None, None, gain.flatten(), bias.flatten(), training=True)
        activated = torch.relu(normalized)
        return activated if strided else functional.max_pool2d(activated, 2)
