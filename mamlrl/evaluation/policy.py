"""Adaptation of policies to held-out tasks: returns after 0, 1, 2, ... adaptation steps."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import torch
from numpy.typing import NDArray
from torch import Tensor

from mamlrl.distributed.team import Share
from mamlrl.envs.adapter.task_source import Split
from mamlrl.evaluation.evaluation import evaluation_estimator
from mamlrl.evaluation.policy_evaluation import PolicyEvaluation
from mamlrl.evaluation.tasks import checked_tasks
from mamlrl.experiments.policy import PolicyExperiment
from mamlrl.inner_loops.assembly import assemble_acting, assemble_policy
from mamlrl.inner_loops.memory import check_number_of_episodes
from mamlrl.inner_loops.suspects import blamed
from mamlrl.randomness import Randomness
from mamlrl.sampling.budgets import finished_budget
from mamlrl.sampling.build import make_task_envs
from mamlrl.sampling.rollouts import task_values
from mamlrl.sampling.sampler import Sampler


class PolicyEvaluator:
    """Adapts meta-parameters to held-out tasks, as often as is asked, in the same environments.

    Args:
        experiment: The experiment; `experiment.evaluation` says what to evaluate.
        validation: Whether tasks are those to choose by, see `TaskEnv.sample_validation_tasks`.
        share: Which of the tasks are evaluated here; all by default.

    Raises:
        UserError: If the environment or the device is not available.
    """

    def __init__(self, experiment: PolicyExperiment, validation: bool = False, share: Share | None = None) -> None:
        settings = experiment.evaluation
        share = share or Share.whole(settings.tasks)
        shots = settings.adaptation_episodes or settings.episodes_per_task
        split: Split = "validation" if validation else "test"
        self._experiment = experiment
        self._validation = validation
        self._assembly = assemble_policy(
            experiment,
            len(share.tasks),
            settings.seed,
            replace(experiment.sampling, episodes_per_task=shots),
            partial(evaluation_estimator, settings, experiment.adaptation),
            budget=finished_budget,
            split=split,
            share=share,
        )
        apart = settings.adaptation_episodes or settings.deterministic
        self._reporting = _reporting_sampler(experiment, split, share) if apart else None

    def evaluate(
        self,
        params: Tensor,
        tasks: Sequence[Any] | NDArray[Any] | None = None,
        state: Mapping[str, Any] | None = None,
    ) -> PolicyEvaluation:
        """Adapts meta-parameters, sampling fresh episodes before every gradient step.

        Args:
            params: Meta-parameters, shape (P + R,).
            tasks: See `evaluate_policy`.
            state: See `evaluate_policy`.

        Raises:
            UserError: If the parameters or the tasks do not fit.
            RunError: If adaptation diverges, or see `PolicyInnerLoop.run`.
        """
        experiment, assembly, settings = self._experiment, self._assembly, self._experiment.evaluation
        sampler, estimator = assembly.sampler, assembly.inner_loop.estimator
        randomness = Randomness.from_seed(settings.seed, assembly.device)
        estimator.check_fits(params)
        sampler.take_normalizer(state)
        draw = sampler.sample_validation_tasks if self._validation else sampler.sample_test_tasks
        drawn = draw(randomness.rng)
        chosen = drawn if tasks is None else checked_tasks(tasks, sampler.env)
        with blamed(experiment, evaluating=True):
            adapted = assembly.inner_loop.run(params.to(assembly.device), chosen, randomness)
            reported = adapted.rollouts
            if self._reporting is not None:
                sampler = self._reporting
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
        validation: See `PolicyEvaluator`.

    Raises:
        UserError: If the environment or the device is not available, or the parameters or the tasks do not fit.
        RunError: If adaptation diverges, or see `PolicyInnerLoop.run`.
    """
    if tasks is not None:
        experiment = with_tasks(experiment, len(tasks))
    return PolicyEvaluator(experiment, validation).evaluate(params, tasks, state)


def with_tasks(experiment: PolicyExperiment, count: int) -> PolicyExperiment:
    """Returns the experiment with another number of tasks to evaluate on."""
    return replace(experiment, evaluation=replace(experiment.evaluation, tasks=max(count, 1)))


def _reporting_sampler(experiment: PolicyExperiment, split: Split, share: Share) -> Sampler:
    """Returns what collects the episodes to report, where they are not those to adapt on."""
    settings = experiment.evaluation
    sampling = replace(experiment.sampling, episodes_per_task=settings.episodes_per_task)
    check_number_of_episodes(len(share.tasks), settings.episodes_per_task)
    envs = make_task_envs(experiment.env, len(share.tasks), sampling, experiment.device, split)
    return assemble_acting(experiment, envs, settings.seed, sampling, budget=finished_budget, share=share).sampler
