"""What networks for images share: their initial parameters, how images come in, derivatives by autograd."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor

from mamlrl.networks.autograd_linearization import AutogradNetwork

MLP_ACTIVATIONS = 200  # activations of one sample in the MLP that `Network.sample_cost` is relative to


def scaled(images: Tensor, dtype: torch.dtype) -> Tensor:
    """Returns images as floating-point numbers; bytes are scaled to [0, 1]."""
    return (images / 255 if images.dtype == torch.uint8 else images).to(dtype)


class ImageNetwork(AutogradNetwork):
    """A network for images, whose parameters are weights, gains and biases, each tensor named by what it is."""

    def init(self, generator: torch.Generator, dtype: torch.dtype = torch.float32) -> Tensor:
        """Draws initial parameters: Xavier-uniform weights (Glorot & Bengio 2010), unit gains, zero biases."""
        params = torch.zeros(self.num_parameters, dtype=dtype, device=generator.device)
        for name, tensor in self.unflatten(params).items():
            if name.endswith("weight"):
                torch.nn.init.xavier_uniform_(tensor, generator=generator)
            elif name.endswith("gain"):
                tensor.fill_(1.0)
        return params

    def bind(self, params: Tensor) -> Callable[[Tensor], Tensor]:
        """Returns the network at fixed parameters.

        Args:
            params: Shape (P,), or (task, P) for parameters of each task.

        Returns:
            A function from images, shape (sample, channel, height, width), or with a task axis before it, to
            outputs, shape (sample, K), or (task, sample, K). Bytes are scaled to [0, 1].
        """
        return partial(self.evaluate, params)

    @abstractmethod
    def evaluate(self, params: Tensor, observations: Tensor) -> Tensor:
        """Evaluates the network, see `bind` for the shapes."""
