"""N-way K-shot classification of images: tasks of a few classes, with a few images of each."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from mamlrl.errors import UserError
from mamlrl.losses.batches import LabelledBatch
from mamlrl.networks.convolution import Downsampling
from mamlrl.networks.images import ImageInterface, NetworkConfig
from mamlrl.networks.network import Network
from mamlrl.supervised.image_sets import ImageSet
from mamlrl.supervised.tasks import Examples, SupervisedTasks


class ImageTasks(SupervisedTasks):
    """Each task tells some classes apart, drawn anew and numbered at random.

    Args:
        images: Images of all classes.
        ways: Number of classes in a task.
        downsampling: How the network halves height and width, see `ConvolutionalNetwork`.

    Raises:
        UserError: If there are not enough classes.
    """

    def __init__(self, images: ImageSet, ways: int, downsampling: Downsampling) -> None:
        if not 2 <= ways <= len(images.counts):
            raise UserError(
                f"data.ways: cannot draw {ways} classes a task from {len(images.counts)}; "
                f"choose at least 2 and no more than there are, or add classes to {images.origin}"
            )
        self.images = images
        self.ways = ways
        self.downsampling = downsampling

    @property
    def class_names(self) -> tuple[str, ...]:
        """See `SupervisedTasks.class_names`; rotations go by the name of what is rotated."""
        return self.images.names

    @property
    def interface(self) -> ImageInterface:
        """See `SupervisedTasks.interface`."""
        _, channels, height, width = self.images.images.shape
        return ImageInterface((channels, height, width), self.ways, self.downsampling)

    @property
    def num_classes(self) -> int:
        """See `SupervisedTasks.num_classes`; a rotation of a class is a class of its own."""
        return len(self.images.counts)

    def make_network(self, config: NetworkConfig) -> Network:
        """The network for images that the config names; see `ImageInterface.make_network`."""
        return self.interface.make_network(config)

    def sample(self, rng: np.random.Generator, num_tasks: int, num_support: int, num_query: int) -> Examples:
        """See `SupervisedTasks.sample`.

        Raises:
            UserError: If a class has fewer images than a task needs.
        """
        return self.sample_part(rng, num_tasks, num_support, num_query, slice(num_tasks))

    def sample_part(
        self, rng: np.random.Generator, num_tasks: int, num_support: int, num_query: int, part: slice
    ) -> Examples:
        """See `SupervisedTasks.sample_part`."""
        self.check_enough(num_support, num_query)
        chosen = self._draw(rng, num_tasks, num_support + num_query)[part]
        return Examples(self._batch(chosen[..., :num_support]), self._batch(chosen[..., num_support:]))

    def sample_classes(self, rng: np.random.Generator, num_examples: int) -> LabelledBatch:
        """See `SupervisedTasks.sample_classes`; each example is of any class, and any of its images."""
        counts, starts = self.images.counts, self.images.starts
        classes = rng.integers(len(counts), size=num_examples)
        chosen = starts[classes] + rng.integers(counts[classes])
        return LabelledBatch(
            observations=torch.from_numpy(self.images.images[chosen])[None],
            weights=torch.full((1, num_examples), 1 / num_examples),
            targets=torch.from_numpy(classes)[None],
        )

    def measure(self, outputs: Tensor, targets: Tensor) -> dict[str, Tensor]:
        """The share of the samples that are classified correctly, and the mean cross-entropy in nats."""
        entropy = functional.cross_entropy(outputs.flatten(0, 1), targets.flatten(), reduction="none")
        correct = (outputs.argmax(dim=-1) == targets).to(outputs.dtype)
        return {"accuracy": correct.mean(dim=1), "cross_entropy": entropy.view_as(correct).mean(dim=1)}

    def check_enough(self, num_support: int, num_query: int) -> None:
        """Raises a UserError if a class has fewer images than a task needs of each."""
        smallest = int(self.images.counts.argmin())  # the first of them, which is no rotation
        if self.images.counts[smallest] < num_support + num_query:
            raise UserError(
                f"{self.images.origin}: {self.images.names[smallest]} has {self.images.counts[smallest]} images, "
                "but a task needs "
                f"{num_support} shots and {num_query} queries of each class; "
                "lower data.shots or data.queries, or add images"
            )

    def _draw(self, rng: np.random.Generator, num_tasks: int, per_class: int) -> NDArray[np.int64]:
        """Draws classes for each task, and images of each, without replacement: (task, class, image) to index."""
        counts = self.images.counts
        keys = rng.random((num_tasks, len(counts)))
        classes = rng.permuted(keys.argpartition(self.ways - 1, axis=1)[:, : self.ways], axis=1)
        keys = rng.random((num_tasks, self.ways, counts.max()))
        keys[np.arange(counts.max()) >= counts[classes][..., None]] = np.inf  # images that a class does not have
        return self.images.starts[classes][..., None] + keys.argsort(axis=2)[..., :per_class]

    def _batch(self, chosen: NDArray[np.int64]) -> LabelledBatch:
        """Images by index, shape (task, class, image), the class being the target."""
        tasks, ways, per_class = chosen.shape
        images = torch.from_numpy(self.images.images[chosen.reshape(tasks, -1)])
        return LabelledBatch(
            observations=images,
            weights=torch.full(images.shape[:2], 1 / images.shape[1]),
            targets=torch.arange(ways).repeat_interleave(per_class).expand(tasks, -1),
        )
