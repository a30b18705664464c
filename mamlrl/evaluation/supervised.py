"""Adaptation to held-out supervised tasks: metrics after 0, 1, 2, ... steps on the same few examples."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from mamlrl.adaptation.estimator import Adaptation
from mamlrl.errors import LearningError, UserError
from mamlrl.evaluation.evaluation import Evaluation, Fits, evaluation_estimator
from mamlrl.experiments.supervised import SupervisedExperiment
from mamlrl.inner_loops.assembly import SupervisedAssembly, assemble_supervised
from mamlrl.inner_loops.suspects import blamed
from mamlrl.networks.network import Network
from mamlrl.supervised.tasks import Examples
from mamlrl.supervised.trained_classes import check_not_trained_on
from mamlrl.threads import one_thread_per_operation


@dataclass(frozen=True)
class SupervisedEvaluation(Evaluation):
    """Metrics on query examples of held-out tasks.

    Attributes:
        examples: Examples of the held-out tasks.
        adaptation: Adaptation to the support examples.
        network: The network.
    """

    experiment: SupervisedExperiment
    decimals: ClassVar[int] = 3  # errors and accuracies are smaller numbers than returns

    examples: Examples
    adaptation: Adaptation
    network: Network

    def scores(self) -> NDArray[np.float64]:
        """See `Evaluation.scores`; minus the loss."""
        return -self.metrics["loss"]

    def params(self, step: int) -> Tensor:
        """Parameters of every task after some steps, shape (task, P)."""
        return self.adaptation.trajectory[step]

    def protocol(self) -> dict[str, Any]:
        """See `Evaluation.protocol`."""
        shots, queries = evaluation_sizes(self.experiment)
        return {
            "dataset": self.experiment.data.dataset,
            "shots": shots,
            "queries": queries,
            "tasks": len(self.examples.query),
        }

    def sample_size(self) -> str:
        """See `Evaluation.sample_size`."""
        shots, _ = evaluation_sizes(self.experiment)
        return f"{len(self.examples.query)} tasks x {shots} shots"

    def fits(self) -> Fits:
        """See `Evaluation.fits`."""
        support, query = self.examples.support, self.examples.query
        if not query.observations.shape[2:] == query.targets.shape[2:] == (1,):
            return super().fits()
        last = len(self.step_scales)
        steps = sorted({0, min(1, last), last})
        return Fits(
            support_inputs=_numbers(support.observations),
            support_targets=_numbers(support.targets),
            query_inputs=_numbers(query.observations),
            query_targets=_numbers(query.targets),
            outputs={step: _numbers(self.network(self.params(step), query.observations)) for step in steps},
        )


def _numbers(values: Tensor) -> NDArray[np.float32]:
    """Returns the only feature of values of shape (task, sample, 1)."""
    return values[..., 0].cpu().numpy()


def evaluation_sizes(experiment: SupervisedExperiment) -> tuple[int, int]:
    """Returns how many examples an evaluation adapts on, and how many it judges on."""
    settings, data = experiment.evaluation, experiment.data
    return settings.shots or data.shots, settings.queries or data.queries


def held_out_examples(experiment: SupervisedExperiment, assembly: SupervisedAssembly) -> Examples:
    """Draws the examples of the tasks that an evaluation is on, with the assembly's randomness."""
    sizes = experiment.evaluation.tasks, *evaluation_sizes(experiment)
    return assembly.tasks.sample(assembly.randomness.rng, *sizes).to(assembly.device)


def evaluate_supervised(
    experiment: SupervisedExperiment,
    params: Tensor,
    tasks: Any = None,
    state: Mapping[str, Any] | None = None,
    validation: bool = False,
) -> SupervisedEvaluation:
    """Adapts meta-parameters to held-out tasks.

    Args:
        experiment: The experiment; `experiment.evaluation` says what to evaluate.
        params: Meta-parameters, shape (P + R,).
        tasks: Not used; supervised tasks have no names.
        state: State of the learner that trained the parameters, which may name the classes that it trained on.
        validation: Whether to draw tasks of the classes for validation, where a data set has classes.

    Raises:
        UserError: If the data set or the device is not available, the parameters do not fit, they were trained on
            classes for testing, or tasks are given.
        LearningError: If the loss of a task is not finite.
    """
    if tasks is not None:
        raise UserError("tasks: supervised tasks cannot be named, only those of policies; leave them out")
    settings = experiment.evaluation
    make_estimator = partial(evaluation_estimator, settings, experiment.adaptation)
    split = "val" if validation else "test"
    assembly = assemble_supervised(experiment, split, settings.seed, make_estimator)
    inner_loop, classes = assembly.inner_loop, assembly.tasks.class_names
    inner_loop.estimator.check_fits(params)
    if state is not None:
        check_not_trained_on(state, classes)
    examples = held_out_examples(experiment, assembly)
    with blamed(experiment, evaluating=True), one_thread_per_operation():
        inner_loop.estimator.check_finite(params)
        adaptation = inner_loop.adapt(params.to(assembly.device), examples.support)
        metrics = inner_loop.measure(assembly.tasks, adaptation, examples.query)
        _check_finite(metrics["loss"])
    scales = inner_loop.estimator.scales
    return SupervisedEvaluation(scales, metrics, experiment, examples, adaptation, inner_loop.network)


def _check_finite(losses: NDArray[np.float64]) -> None:
    """Raises for the first step, of losses of shape (step + 1, task), after which one is not finite."""
    counts = (~np.isfinite(losses)).sum(axis=1)
    if counts.any():
        step = int((counts > 0).argmax())
        raise LearningError(
            f"after {step} adaptation steps, the loss of {counts[step]} of {losses.shape[1]} tasks is not finite"
        )
