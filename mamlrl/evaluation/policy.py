"""Adaptation of policies to held-out tasks: returns after 0, 1, 2, ... adaptation steps."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from mamlrl.evaluation.evaluation import Evaluation, Paths, evaluation_estimator
from mamlrl.experiments.policy import PolicyExperiment
from mamlrl.inner_loops.assembly import assemble_policy
from mamlrl.inner_loops.policy import AdaptedTasks
from mamlrl.inner_loops.suspects import blamed
from mamlrl.sampling.budgets import finished_budget


@dataclass(frozen=True)
class PolicyEvaluation(Evaluation):
    """Returns on held-out tasks.

    Attributes:
        tasks: Task parameters, shape (task, ...).
        adapted: The adaptation and all rollouts.
    """

    experiment: PolicyExperiment
    decimals: ClassVar[int] = 2

    tasks: NDArray[np.float64]
    adapted: AdaptedTasks

    @property
    def returns(self) -> NDArray[np.float64]:
        """Mean return of each task after k steps, shape (step + 1, task)."""
        return self.metrics["return"]

    def protocol(self) -> dict[str, Any]:
        """See `Evaluation.protocol`."""
        return {
            "env": self.experiment.env.id,
            "sampling_unit": self.experiment.sampling.unit,
            "episodes_per_task": self.experiment.evaluation.episodes_per_task,
            "tasks": self.tasks.tolist(),
        }

    def sample_size(self) -> str:
        """See `Evaluation.sample_size`."""
        episodes = self.experiment.evaluation.episodes_per_task
        return f"{len(self.tasks)} tasks x {episodes} {self.experiment.sampling.unit}"

    def paths(self) -> Paths:
        """See `Evaluation.paths`; goals are the parameters of the tasks, positions the observations."""
        rollouts = self.adapted.rollouts
        if self.tasks.shape[1:] != (2,) or rollouts[0].observations.shape[-1] != 2:
            return super().paths()
        return Paths(
            goals=self.tasks,
            positions=tuple(episodes.observations.cpu().numpy() for episodes in rollouts),
            masks=tuple(episodes.mask.cpu().numpy() > 0 for episodes in rollouts),
        )

    def summary(self) -> list[dict[str, Any]]:
        """See `Evaluation.summary`; here with the return of every task."""
        return [
            {**row, "returns": returns.tolist()}
            for row, returns in zip(super().summary(), self.returns, strict=True)
        ]


def evaluate_policy(experiment: PolicyExperiment, params: Tensor) -> PolicyEvaluation:
    """Adapts meta-parameters to held-out tasks, sampling fresh episodes before every gradient step.

    Args:
        experiment: The experiment; `experiment.evaluation` says what to evaluate.
        params: Meta-parameters, shape (P + R,).

    Raises:
        UserError: If the environment or the device is not available, or the parameters do not fit.
        RunError: If adaptation diverges, or see `PolicyInnerLoop.run`.
    """
    settings = experiment.evaluation
    assembly = assemble_policy(
        experiment,
        settings.tasks,
        settings.seed,
        replace(experiment.sampling, episodes_per_task=settings.episodes_per_task),
        partial(evaluation_estimator, settings, experiment.adaptation),
        budget=finished_budget,
    )
    estimator, randomness = assembly.inner_loop.estimator, assembly.randomness
    estimator.check_fits(params)
    tasks = assembly.sampler.sample_test_tasks(randomness.rng)
    with blamed(experiment, evaluating=True):
        adapted = assembly.inner_loop.run(params.to(assembly.device), tasks, randomness)
    returns = np.stack([rollouts.task_returns().cpu().numpy() for rollouts in adapted.rollouts])
    return PolicyEvaluation(estimator.scales, {"return": returns}, experiment, tasks, adapted)
