"""Few-shot regression of sine waves (Finn et al. 2017, section 5.1)."""

from __future__ import annotations

from collections.abc import Sequence
from math import pi

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from mamlrl.losses.batches import LabelledBatch
from mamlrl.networks.build import make_mlp
from mamlrl.networks.gaussian import IsotropicGaussian
from mamlrl.networks.images import NetworkConfig
from mamlrl.networks.network import Network
from mamlrl.supervised.tasks import Examples, SupervisedTasks

AMPLITUDES = (0.1, 5.0)
PHASES = (0.0, pi)
INPUTS = (-5.0, 5.0)


class Sinusoid(SupervisedTasks):
    """Tasks y = amplitude sin(x - phase), everything drawn uniformly; the error is measured in squares.

    Args:
        task_inputs: Whether x is followed by amplitude and phase, for an oracle.
    """

    def __init__(self, task_inputs: bool = False) -> None:
        self.task_inputs = task_inputs

    def make_network(self, config: NetworkConfig) -> Network:
        """An MLP from x, and what follows it, to y."""
        return make_mlp(3 if self.task_inputs else 1, IsotropicGaussian(1), config)

    def sample(self, rng: np.random.Generator, num_tasks: int, num_support: int, num_query: int) -> Examples:
        """See `SupervisedTasks.sample`."""
        amplitudes, phases = (rng.uniform(*bounds, (num_tasks, 1)) for bounds in (AMPLITUDES, PHASES))
        inputs = rng.uniform(*INPUTS, (num_tasks, num_support + num_query))
        targets = amplitudes * np.sin(inputs - phases)
        parameters = (amplitudes, phases) if self.task_inputs else ()
        return Examples(
            _batch(inputs[:, :num_support], targets[:, :num_support], parameters),
            _batch(inputs[:, num_support:], targets[:, num_support:], parameters),
        )

    def measure(self, outputs: Tensor, targets: Tensor) -> dict[str, Tensor]:
        """The mean squared error."""
        return {"mse": (outputs - targets).square().mean(dim=(1, 2))}


def _batch(
    inputs: NDArray[np.float64], targets: NDArray[np.float64], parameters: Sequence[NDArray[np.float64]]
) -> LabelledBatch:
    """Pairs of numbers, each of shape (task, sample), of equal weight; inputs are followed by (task, 1) each."""
    columns = np.stack([inputs, *(np.broadcast_to(each, inputs.shape) for each in parameters)], axis=-1)
    x, y = (torch.from_numpy(values.astype(np.float32)) for values in (columns, targets[..., None]))
    return LabelledBatch(observations=x, weights=torch.full(x.shape[:2], 1 / x.shape[1]), targets=y)
