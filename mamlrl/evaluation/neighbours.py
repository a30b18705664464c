"""Nearest neighbours on pixels: what few-shot classification of images comes to without any learning."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor

from mamlrl.errors import UserError
from mamlrl.evaluation.evaluation import Evaluation
from mamlrl.evaluation.supervised import evaluation_sizes, held_out_examples
from mamlrl.experiments.supervised import SupervisedExperiment
from mamlrl.inner_loops.assembly import assemble_supervised
from mamlrl.networks.image_network import scaled
from mamlrl.supervised.tasks import Examples


@dataclass(frozen=True)
class NeighbourEvaluation(Evaluation):
    """Accuracy on the query images of held-out tasks, without any steps."""

    experiment: SupervisedExperiment
    decimals: ClassVar[int] = 3

    def protocol(self) -> dict[str, Any]:
        """See `Evaluation.protocol`."""
        data = self.experiment.data
        shots, queries = evaluation_sizes(self.experiment)
        tasks = len(self.metrics[self.metric][0])
        return {"dataset": data.dataset, "ways": data.ways, "shots": shots, "queries": queries, "tasks": tasks}

    def sample_size(self) -> str:
        """See `Evaluation.sample_size`."""
        protocol = self.protocol()
        return f"{protocol['tasks']} tasks x {protocol['ways']} ways x {protocol['shots']} shots"


def evaluate_neighbours(experiment: SupervisedExperiment) -> NeighbourEvaluation:
    """Classifies the query images of held-out tasks as the support image that is nearest in its pixels.

    The tasks are those that `evaluate_supervised` adapts to, image by image.

    Args:
        experiment: The experiment, of which data and evaluation count.

    Raises:
        UserError: If its data are no images, or cannot be read.
    """
    assembly = assemble_supervised(experiment, "test", experiment.evaluation.seed)
    if assembly.tasks.interface is None:
        raise UserError("data.dataset: nearest neighbours classify images; choose a data set of images")
    correct = nearest_is_right(held_out_examples(experiment, assembly))
    accuracy = correct.double().mean(dim=1).cpu().numpy()
    return NeighbourEvaluation((), {"accuracy": accuracy[None]}, experiment)


def nearest_is_right(examples: Examples) -> Tensor:
    """Returns whether each query is of the class of the support image at the least Euclidean distance from it.

    Args:
        examples: Images and classes of each task.

    Returns:
        Shape (task, query).
    """
    support, query = (
        scaled(each.observations, torch.float32).flatten(2) for each in (examples.support, examples.query)
    )
    nearest = torch.cdist(query, support).argmin(dim=2)
    return examples.support.targets.gather(1, nearest) == examples.query.targets
