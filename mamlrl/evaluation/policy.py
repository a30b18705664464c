"""Adaptation of policies to held-out tasks: returns after 0, 1, 2, ... adaptation steps."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from mamlrl.evaluation.evaluation import Evaluation, Paths, evaluation_estimator, row_keys
from mamlrl.evaluation.tasks import checked_tasks
from mamlrl.experiments.policy import PolicyExperiment
from mamlrl.inner_loops.assembly import assemble_acting, assemble_policy
from mamlrl.inner_loops.memory import check_number_of_episodes
from mamlrl.inner_loops.policy import AdaptedTasks
from mamlrl.inner_loops.suspects import blamed
from mamlrl.metric_names import RETURN, RETURN_STD, WORST_RETURN
from mamlrl.networks.network import Network
from mamlrl.sampling.budgets import finished_budget
from mamlrl.sampling.build import make_task_envs
from mamlrl.sampling.rollouts import Rollouts, task_values
from mamlrl.sampling.sampler import Sampler
from mamlrl.settings.choices import named


@dataclass(frozen=True)
class PolicyEvaluation(Evaluation):
    """Returns on held-out tasks.

    Attributes:
        tasks: Task parameters, shape (task, ...).
        adapted: The adaptation and the episodes that it was on.
        reported: Episodes that the returns are of, by number of steps; those of `adapted` unless
            `evaluation.deterministic` or `evaluation.adaptation_episodes` asks for others.
        sampler: What collected them.
        network: The policy.
    """

    experiment: PolicyExperiment
    decimals: ClassVar[int] = 2

    tasks: NDArray[np.float64]
    adapted: AdaptedTasks
    reported: tuple[Rollouts, ...]
    sampler: Sampler
    network: Network

    @property
    def returns(self) -> NDArray[np.float64]:
        """Mean return of each task after k steps, shape (step + 1, task)."""
        return self.metrics[RETURN]

    def protocol(self) -> dict[str, Any]:
        """See `Evaluation.protocol`."""
        settings = self.experiment.evaluation
        return {
            "env": named(self.experiment.env.id),
            "sampling_unit": self.experiment.sampling.unit,
            "episodes_per_task": settings.episodes_per_task,
            **({"shots": settings.adaptation_episodes} if settings.adaptation_episodes else {}),
            **({"deterministic": True} if settings.deterministic else {}),
            **({"info": self.experiment.env.info} if self.experiment.env.info else {}),
            "tasks": self.tasks.tolist(),
        }

    def sample_size(self) -> str:
        """See `Evaluation.sample_size`."""
        settings, unit = self.experiment.evaluation, self.experiment.sampling.unit
        kind = f"deterministic {unit}" if settings.deterministic else unit
        shots = f" ({settings.adaptation_episodes} to adapt on)" if settings.adaptation_episodes else ""
        return f"{len(self.tasks)} tasks x {settings.episodes_per_task} {kind}{shots}"

    def paths(self) -> Paths:
        """See `Evaluation.paths`; goals are the parameters of the tasks, positions the observations."""
        rollouts = self.reported
        if self.tasks.shape[1:] != (2,) or rollouts[0].observations.shape[-1] != 2:
            return super().paths()
        return Paths(
            goals=self.tasks,
            positions=tuple(episodes.observations.cpu().numpy() for episodes in rollouts),
            masks=tuple(episodes.mask.cpu().numpy() > 0 for episodes in rollouts),
        )

    def summary(self) -> list[dict[str, Any]]:
        """See `Evaluation.summary`; here with spread and values over tasks, such as `returns` and `success_tasks`.

        `return_std` is the standard deviation of the tasks' returns (None for one task), `worst_return` the least.
        """
        rows = super().summary()
        for step, row in enumerate(rows):
            returns, several = self.returns[step], len(self.tasks) > 1
            row[RETURN_STD] = float(returns.std(ddof=1)) if several else None
            row[WORST_RETURN] = float(returns.min())
            row["returns"] = returns.tolist()
            row |= {f"{key}_tasks": self.metrics[key][step].tolist() for key in self.experiment.env.info}
        return rows

    def details(self, row: Mapping[str, Any]) -> str:
        """See `Evaluation.details`."""
        spread = (
            "" if row[RETURN_STD] is None else f"std {row[RETURN_STD]:.2f}, worst task {row[WORST_RETURN]:.2f}"
        )
        return "; ".join(filter(None, [spread, *(number_text(key, row) for key in self.experiment.env.info)]))


def evaluate_policy(
    experiment: PolicyExperiment,
    params: Tensor,
    tasks: Sequence[Any] | NDArray[Any] | None = None,
    state: Mapping[str, Any] | None = None,
    validation: bool = False,
) -> PolicyEvaluation:
    """Adapts meta-parameters to held-out tasks, sampling fresh episodes before every gradient step.

    Args:
        experiment: The experiment; `experiment.evaluation` says what to evaluate.
        params: Meta-parameters, shape (P + R,).
        tasks: Tasks to evaluate on, see `checked_tasks`; `experiment.evaluation.tasks` held-out ones by default.
            The randomness of the episodes is the same in both cases.
        state: State of the learner that trained the parameters; needed where they were trained on normalised
            observations, for it holds the statistics.
        validation: Whether to draw the tasks from the distribution to train on.

    Raises:
        UserError: If the environment or the device is not available, or the parameters or the tasks do not fit.
        RunError: If adaptation diverges, or see `PolicyInnerLoop.run`.
    """
    if tasks is not None:
        experiment = with_tasks(experiment, len(tasks))
    settings = experiment.evaluation
    shots = settings.adaptation_episodes or settings.episodes_per_task
    assembly = assemble_policy(
        experiment,
        settings.tasks,
        settings.seed,
        replace(experiment.sampling, episodes_per_task=shots),
        partial(evaluation_estimator, settings, experiment.adaptation),
        budget=finished_budget,
    )
    sampler, estimator, randomness = assembly.sampler, assembly.inner_loop.estimator, assembly.randomness
    estimator.check_fits(params)
    sampler.take_normalizer(state)
    draw = sampler.sample_tasks if validation else sampler.sample_test_tasks
    drawn = draw(randomness.rng)
    chosen = drawn if tasks is None else checked_tasks(tasks, sampler.env)
    with blamed(experiment, evaluating=True):
        adapted = assembly.inner_loop.run(params.to(assembly.device), chosen, randomness)
        reported = adapted.rollouts
        if settings.adaptation_episodes or settings.deterministic:
            sampler = _reporting_sampler(experiment)
            sampler.take_normalizer(state)
            sampler.set_tasks(chosen)
            trajectory = adapted.adaptation.trajectory
            reported = tuple(sampler.sample(phi, randomness, settings.deterministic) for phi in trajectory)
    values = task_values(reported, experiment.env.info)
    return PolicyEvaluation(
        step_scales=estimator.scales,
        metrics={name: torch.stack(steps).cpu().numpy() for name, steps in values.items()},
        experiment=experiment,
        tasks=chosen,
        adapted=adapted,
        reported=reported,
        sampler=sampler,
        network=assembly.policy,
    )


def number_text(key: str, row: Mapping[str, Any]) -> str:
    """Writes a number from the environment in a summary's row for people, such as `success 0.40 +- 0.10`."""
    mean_key, interval_key = row_keys(key, RETURN)
    interval = row[interval_key]
    return f"{key} {row[mean_key]:.4g}" + ("" if interval is None else f" +- {interval:.2g}")


def with_tasks(experiment: PolicyExperiment, count: int) -> PolicyExperiment:
    """Returns the experiment with another number of tasks to evaluate on."""
    return replace(experiment, evaluation=replace(experiment.evaluation, tasks=max(count, 1)))


def _reporting_sampler(experiment: PolicyExperiment) -> Sampler:
    """Returns what collects the episodes to report, where they are not those to adapt on."""
    settings = experiment.evaluation
    sampling = replace(experiment.sampling, episodes_per_task=settings.episodes_per_task)
    check_number_of_episodes(settings.tasks, settings.episodes_per_task)
    envs = make_task_envs(experiment.env, settings.tasks, sampling, experiment.device)
    return assemble_acting(experiment, envs, settings.seed, sampling, budget=finished_budget).sampler
