"""Adaptation to held-out supervised tasks: metrics after 0, 1, 2, ... steps on the same few examples."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from mamlrl.adaptation.estimator import Adaptation
from mamlrl.errors import NonFiniteError
from mamlrl.evaluation.evaluation import Evaluation, evaluation_estimator
from mamlrl.experiments.experiment import Config
from mamlrl.inner_loops.supervised import SupervisedInnerLoop
from mamlrl.networks.network import Network
from mamlrl.sampling.build import make_device
from mamlrl.supervised.build import make_supervised_tasks
from mamlrl.supervised.tasks import Examples


@dataclass(frozen=True)
class SupervisedEvaluation(Evaluation):
    """Metrics on query examples of held-out tasks.

    Attributes:
        examples: Of the tasks.
        adaptation: To their support examples.
        network: The network.
    """

    examples: Examples
    adaptation: Adaptation
    network: Network

    def params(self, step: int) -> Tensor:
        """Parameters of every task after some steps, shape (task, P)."""
        return self.adaptation.trajectory[step]

    def protocol(self, config: Config) -> dict[str, Any]:
        """See `Evaluation.protocol`."""
        shots, queries = evaluation_sizes(config)
        return {
            "dataset": config.data.dataset,
            "shots": shots,
            "queries": queries,
            "tasks": len(self.examples.query),
        }


def evaluation_sizes(config: Config) -> tuple[int, int]:
    """Returns how many examples an evaluation adapts on, and how many it judges on."""
    settings, data = config.evaluation, config.data
    return settings.shots or data.shots, settings.queries or data.queries


def evaluate_supervised(config: Config, params: Tensor) -> SupervisedEvaluation:
    """Adapts meta-parameters to held-out tasks.

    Args:
        config: The experiment; `config.evaluation` says what to evaluate.
        params: Meta-parameters, shape (P + R,).

    Raises:
        UserError: If the data set or the device cannot be had, or the parameters do not fit.
        NonFiniteError: If the loss of a task is not finite.
    """
    device = make_device(config.device)
    tasks = make_supervised_tasks(config.data, "test")
    network = tasks.make_network(config.policy)
    estimator = evaluation_estimator(config, network)
    estimator.check_fits(params)
    rng = np.random.default_rng(config.evaluation.seed)
    examples = tasks.sample(rng, config.evaluation.tasks, *evaluation_sizes(config)).to(device)
    inner_loop = SupervisedInnerLoop(network, estimator)
    adaptation = inner_loop.adapt(params.to(device), examples.support)
    metrics = inner_loop.measure(tasks, adaptation, examples.query)
    _check_finite(metrics["loss"])
    return SupervisedEvaluation(estimator.scales, metrics, examples, adaptation, network)


def _check_finite(losses: NDArray[np.float64]) -> None:
    """Raises for the first step, of losses of shape (step + 1, task), after which one is not finite."""
    counts = (~np.isfinite(losses)).sum(axis=1)
    if counts.any():
        step = int((counts > 0).argmax())
        raise NonFiniteError(
            f"after {step} adaptation steps, the loss of {counts[step]} of {losses.shape[1]} tasks is not finite; "
            "a smaller evaluation.first_step_size or evaluation.later_step_factor may help"
        )
