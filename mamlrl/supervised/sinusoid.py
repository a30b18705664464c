"""Few-shot regression of sine waves (Finn et al. 2017, section 5.1)."""

from __future__ import annotations

from math import pi

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from mamlrl.losses.batches import LabelledBatch
from mamlrl.networks.build import NetworkConfig, make_mlp
from mamlrl.networks.gaussian import IsotropicGaussian
from mamlrl.networks.network import Network
from mamlrl.supervised.tasks import Examples, SupervisedTasks

AMPLITUDES = (0.1, 5.0)
PHASES = (0.0, pi)
INPUTS = (-5.0, 5.0)


class Sinusoid(SupervisedTasks):
    """Tasks y = amplitude sin(x - phase), everything drawn uniformly; the error is measured in squares."""

    def make_network(self, config: NetworkConfig) -> Network:
        """An MLP from x to y."""
        return make_mlp(1, IsotropicGaussian(1), config)

    def sample(self, rng: np.random.Generator, num_tasks: int, num_support: int, num_query: int) -> Examples:
        """See `SupervisedTasks.sample`."""
        amplitudes, phases = (rng.uniform(*bounds, (num_tasks, 1)) for bounds in (AMPLITUDES, PHASES))
        inputs = rng.uniform(*INPUTS, (num_tasks, num_support + num_query))
        targets = amplitudes * np.sin(inputs - phases)
        return Examples(
            _batch(inputs[:, :num_support], targets[:, :num_support]),
            _batch(inputs[:, num_support:], targets[:, num_support:]),
        )

    def measure(self, outputs: Tensor, targets: Tensor) -> dict[str, Tensor]:
        """The mean squared error."""
        return {"mse": (outputs - targets).square().mean(dim=(1, 2))}


def _batch(inputs: NDArray[np.float64], targets: NDArray[np.float64]) -> LabelledBatch:
    """Pairs of numbers, each of shape (task, sample), all of equal weight."""
    x, y = (torch.from_numpy(values[..., None].astype(np.float32)) for values in (inputs, targets))
    return LabelledBatch(observations=x, weights=torch.full(x.shape[:2], 1 / x.shape[1]), targets=y)
