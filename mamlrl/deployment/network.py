"""A meta-trained network for supervised learning that adapts to a task by examples."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from mamlrl.deployment.acting import precise_outputs
from mamlrl.deployment.adaptive import Adaptive, check_count
from mamlrl.deployment.arrays import are_finite, as_numbers
from mamlrl.deployment.export import export
from mamlrl.errors import UserError
from mamlrl.experiments.supervised import SupervisedExperiment
from mamlrl.files import AnyPath
from mamlrl.inner_loops.supervised import SupervisedInnerLoop
from mamlrl.losses.batches import LabelledBatch
from mamlrl.networks.categorical import Categorical
from mamlrl.networks.network import Network


@dataclass(frozen=True, eq=False, repr=False)
class AdaptiveNetwork(Adaptive):
    """A meta-trained network, before or after adaptation; `mamlrl.load` makes it. It runs on the CPU.

    Attributes:
        input_shape: Shape of one input: of images, (channel, height, width).

    Example:
        >>> import mamlrl
        >>> network = mamlrl.load("sinusoid")  # doctest: +SKIP
        >>> adapted = network.adapt(inputs=[[0.0], [1.0], [2.0]], targets=[[0.0], [0.8], [0.9]])  # doctest: +SKIP
        >>> prediction = adapted([[1.5]])  # doctest: +SKIP
    """

    input_shape: tuple[int, ...]

    @property
    def experiment(self) -> SupervisedExperiment:
        """See `Adaptive.experiment`."""
        assert isinstance(self.saved.experiment, SupervisedExperiment)
        return self.saved.experiment

    def adapt(self, inputs: Any, targets: Any, *, steps: int = 1) -> Self:
        """Returns the network after some more inner steps on examples of a task; this one stays as it is.

        The steps are those of `mamlrl evaluate`: the first has the inner loop's step size, later ones are scaled
        by `evaluation.later_step_factor`.

        Args:
            inputs: Shape (sample, *input_shape); images as bytes, or as numbers in [0, 1].
            targets: Numbers, shape (sample, K), or classes from 0, shape (sample,).
            steps: How many.

        Raises:
            UserError: If the examples have other shapes, are not finite, or are of classes that there are not.
            LearningError: If adaptation diverges.
        """
        check_count("steps", steps)
        observations = self._inputs(inputs)
        if observations.dim() != 1 + len(self.input_shape) or not len(observations):
            raise UserError(f"inputs: must be examples of shape (sample, {_listed(self.input_shape)})")
        weights = torch.full((1, len(observations)), 1 / len(observations))
        batch = LabelledBatch(observations[None], weights, self._targets(targets, len(observations))[None])
        network = self
        for _ in range(steps):
            estimator = network._estimator()
            network = network._descended(SupervisedInnerLoop(self.network, estimator).losses(batch), estimator)
        return network

    def __call__(self, inputs: Any) -> NDArray[np.float32]:
        """Predicts.

        The network for images normalises with the mean and variance of the batch at hand, as in training: its
        predictions depend on the other images that are asked for.

        Args:
            inputs: Shape (sample, *input_shape), or one input.

        Returns:
            Numbers, shape (sample, K), or the probabilities of the classes, shape (sample, ways); without the
            first axis for one input.

        Raises:
            UserError: If the inputs have another shape, or are not finite.
        """
        observations = self._inputs(inputs)
        single = observations.dim() == len(self.input_shape)
        with torch.inference_mode():
            outputs = self._predicting(observations[None] if single else observations).numpy()
        return outputs[0] if single else outputs

    def export(self, path: AnyPath) -> None:
        """Writes the network as a program of its own, for which mamlrl is not needed.

        Args:
            path: A file `.pt2` (`torch.export.load(path).module()`), or `.onnx`, for which the extra `onnx` is
                needed (`pip install 'mamlrl[onnx]'`). The input `inputs`, shape (batch, *input_shape), float32,
                images in [0, 1], gives `outputs`, see `__call__`.

        Raises:
            UserError: See `AdaptivePolicy.export`.
        """
        examples = {"inputs": torch.zeros(2, *self.input_shape)}
        export(self._predicting, examples, "outputs", path)

    @cached_property
    def _predicting(self) -> _Predicting:
        return _Predicting(self.network, self.params)

    def _inputs(self, values: Any) -> Tensor:
        array = _numbers("inputs", values, f"(sample, {_listed(self.input_shape)})")
        size = len(self.input_shape)
        if array.shape[-size:] != self.input_shape or array.ndim > size + 1:
            raise UserError(f"inputs: must have shape (sample, {_listed(self.input_shape)}), got {array.shape}")
        if size == 3 and array.dtype == np.uint8:
            return torch.from_numpy(array)
        if size == 3 and ((array < 0) | (array > 1)).any():
            raise UserError("inputs: images must be bytes (numpy.uint8), or numbers from 0 to 1")
        return torch.from_numpy(array.astype(np.float32))

    def _targets(self, values: Any, count: int) -> Tensor:
        distribution = self.network.distribution
        if isinstance(distribution, Categorical):
            array = _numbers("targets", values, f"({count},)")
            fits = array.shape == (count,)
            ways = distribution.num_actions
            if not fits or (array != np.floor(array)).any() or (array < 0).any() or (array >= ways).any():
                raise UserError(f"targets: must be {count} classes from 0 to {ways - 1}, one for each input")
            return torch.from_numpy(array.astype(np.int64))
        array = _numbers("targets", values, f"({count}, {distribution.head_size})")
        if array.shape != (count, distribution.head_size):
            raise UserError(f"targets: must have shape ({count}, {distribution.head_size}), got {array.shape}")
        return torch.from_numpy(array.astype(np.float32))


class _Predicting(nn.Module):
    """A network at fixed parameters: inputs to numbers, or to probabilities of classes."""

    params: Tensor

    def __init__(self, network: Network, params: Tensor) -> None:
        super().__init__()
        self._network = network
        self._classifies = isinstance(network.distribution, Categorical)
        self.register_buffer("params", params)

    def forward(self, inputs: Tensor) -> Tensor:
        outputs = precise_outputs(self._network, self.params, inputs).float()
        return outputs.softmax(dim=-1) if self._classifies else outputs


def _numbers(name: str, values: Any, shape: str) -> NDArray[Any]:
    array = as_numbers(f"{name}:", values, shape)
    if not are_finite(array).all():
        raise UserError(f"{name}: has numbers that are not finite")
    return array


def _listed(shape: tuple[int, ...]) -> str:
    return ", ".join(map(str, shape))
