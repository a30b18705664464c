"""The interface of a distribution of few-shot learning tasks."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from mamlrl.losses.batches import LabelledBatch
from mamlrl.networks.images import ImageInterface, NetworkConfig
from mamlrl.networks.network import Network


@dataclass(frozen=True)
class Examples:
    """Examples of a batch of tasks.

    Attributes:
        support: Examples to adapt on.
        query: Examples to judge the adapted network on.
    """

    support: LabelledBatch
    query: LabelledBatch

    def to(self, device: torch.device) -> Examples:
        """Returns the examples on a device."""
        return Examples(self.support.to(device), self.query.to(device))

    def tasks(self, part: slice) -> Examples:
        """Returns the examples of some of the tasks."""
        return Examples(self.support.tasks(part), self.query.tasks(part))


class SupervisedTasks(ABC):
    """A distribution of few-shot learning tasks.

    Attributes:
        task_inputs: Whether inputs are followed by the parameters of the task, for an oracle.
    """

    task_inputs: bool = False

    @property
    def class_names(self) -> tuple[str, ...]:
        """Names of the classes that tasks are made of, by which splits are told apart; none if there are none."""
        return ()

    @property
    def interface(self) -> ImageInterface | None:
        """What a network takes from the data, of images; None where the settings say it all."""
        return None

    @property
    def num_classes(self) -> int:
        """Number of classes that `sample_classes` draws from; 0 if it cannot, as where there are no classes."""
        return 0

    @abstractmethod
    def make_network(self, config: NetworkConfig) -> Network:
        """Builds a network for the tasks.

        The loss is the negative log-likelihood of its `distribution`, which is a `CanonicalDistribution`.
        """

    @abstractmethod
    def sample(self, rng: np.random.Generator, num_tasks: int, num_support: int, num_query: int) -> Examples:
        """Draws tasks, and examples of each.

        Args:
            rng: Source of randomness.
            num_tasks: Number of tasks.
            num_support: Examples of each task to adapt on; for classification, of each class of the task.
            num_query: Examples of each task, or of each of its classes, to judge on.
        """

    def sample_part(
        self, rng: np.random.Generator, num_tasks: int, num_support: int, num_query: int, part: slice
    ) -> Examples:
        """Draws what `sample` does, and returns the examples of some of the tasks.

        Several processes that share tasks draw all of them; a subclass may put together no more than its part.
        """
        examples = self.sample(rng, num_tasks, num_support, num_query)
        return examples if part == slice(0, num_tasks) else examples.tasks(part)

    def sample_classes(self, rng: np.random.Generator, num_examples: int) -> LabelledBatch:
        """Draws examples of all classes at once, of which there are `num_classes`, each numbered in their order.

        Args:
            rng: Source of randomness.
            num_examples: Number of examples.

        Returns:
            The examples as those of a single task.
        """
        raise NotImplementedError("without classes, there are no examples of all of them")

    @abstractmethod
    def measure(self, outputs: Tensor, targets: Tensor) -> dict[str, Tensor]:
        """Measures each task; the metric to report comes first.

        Args:
            outputs: Outputs of the network, shape (task, sample, K).
            targets: Shape (task, sample, ...).

        Returns:
            Metrics by name, such as `mse`, or `accuracy` and `cross_entropy`, each of shape (task,).
        """
