"""Learners with an inner loop that is differentiated and an outer step."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import Any

import torch
from torch import Tensor

from mamlrl.adaptation.estimator import Estimator
from mamlrl.experiments.experiment import GradientExperiment
from mamlrl.finite import check_finite
from mamlrl.inner_loops.suspects import blamed
from mamlrl.learners.learner import Learner
from mamlrl.losses.task_losses import TaskLosses
from mamlrl.metric_names import Metrics
from mamlrl.networks.network import Network
from mamlrl.outer.optimizer import OuterOptimizer
from mamlrl.randomness import Randomness


class GradientMetaLearner(Learner):
    """Meta-trains a network by gradients through, or around, its adaptation.

    Args:
        config: The experiment.
        device: Where it runs.
        randomness: Source of everything random in it.
        network: Whose initial parameters are learned.
        estimator: The inner loop's estimator.

    Attributes:
        estimator: The inner loop's estimator.
        optimizer: What improves the meta-parameters; set by subclasses.
        params: Meta-parameters theta, shape (P + R,): the network's, and those of the inner loop's rule.
    """

    config: GradientExperiment
    optimizer: OuterOptimizer

    def __init__(
        self,
        config: GradientExperiment,
        device: torch.device,
        randomness: Randomness,
        network: Network,
        estimator: Estimator,
    ) -> None:
        super().__init__(config, device, randomness)
        self.estimator = estimator
        self.params = estimator.init(network.init(randomness.generator)).to(device)

    @abstractmethod
    def sample_losses(self) -> tuple[TaskLosses, TaskLosses]:
        """Draws the tasks of a meta-batch and fixes data of them, to compare meta-gradients on.

        Returns:
            The losses to adapt with, and those to judge the adapted networks by.
        """

    def check_finite(self, params: Tensor) -> None:
        """Raises a LearningError if new meta-parameters, or what later outer steps depend on, are not finite."""
        self.estimator.check_finite(params, outer=True)
        for what, values in self.optimizer.tensors.items():
            check_finite(what, values, outer=True)

    def blamed(self) -> AbstractContextManager[None]:
        """Errors in the block name the running meta-iteration and the setting that is most likely to blame."""
        return blamed(self.config, f"iteration {self.iteration + 1}: ")

    def check_fits(self, params: Tensor) -> None:
        """See `Learner.check_fits`."""
        self.estimator.check_fits(params)

    def state_dict(self) -> dict[str, Any]:
        """See `Learner.state_dict`."""
        with blamed(self.config, f"iteration {self.iteration}: "):
            self.check_finite(self.params)
        return {**super().state_dict(), "optimizer": self.optimizer.state_dict()}

    def _restore(self, state: dict[str, Any]) -> None:
        super()._restore(state)
        self.optimizer.load_state_dict(state["optimizer"])


def inner_gradient_norms(norms: Sequence[Tensor]) -> Metrics:
    """Returns the mean over tasks of the norm of the first gradient of each adaptation step, of shape (task,)."""
    return {f"gradient_norm/inner_{step}": float(each.mean()) for step, each in enumerate(norms, start=1)}
