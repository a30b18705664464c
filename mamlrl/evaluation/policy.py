"""Adaptation of policies to held-out tasks: returns after 0, 1, 2, ... adaptation steps."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from mamlrl.evaluation.evaluation import Evaluation, evaluation_estimator
from mamlrl.experiments.experiment import Config, EvaluationConfig
from mamlrl.inner_loops.policy import AdaptedTasks, InnerLoop
from mamlrl.networks.mlp import make_policy
from mamlrl.sampling.build import make_device, make_task_envs
from mamlrl.sampling.sampler import Sampler
from mamlrl.timing import PhaseTimer


@dataclass(frozen=True)
class PolicyEvaluation(Evaluation):
    """Returns on held-out tasks.

    Attributes:
        tasks: Task parameters, shape (task, ...).
        adapted: The adaptation and all rollouts.
    """

    tasks: NDArray[np.float64]
    adapted: AdaptedTasks

    @property
    def returns(self) -> NDArray[np.float64]:
        """Mean return of each task after k steps, shape (step + 1, task)."""
        return self.metrics["return"]

    def protocol(self, config: Config) -> dict[str, Any]:
        """See `Evaluation.protocol`."""
        return {
            "env": config.env.id,
            "sampling_unit": config.sampling.unit,
            "episodes_per_task": config.evaluation.episodes_per_task,
            "tasks": self.tasks.tolist(),
        }

    def summary(self) -> list[dict[str, Any]]:
        """See `Evaluation.summary`; here with the return of every task."""
        return [
            {**row, "returns": returns.tolist()}
            for row, returns in zip(super().summary(), self.returns, strict=True)
        ]


def evaluate_policy(config: Config, params: Tensor) -> PolicyEvaluation:
    """Adapts meta-parameters to held-out tasks, sampling fresh episodes before every gradient step.

    Args:
        config: The experiment; `config.evaluation` says what to evaluate.
        params: Meta-parameters, shape (P + R,).

    Raises:
        UserError: If the environment or the device cannot be had, or the parameters do not fit.
    """
    settings: EvaluationConfig = config.evaluation
    device = make_device(config.device)
    sampling = replace(config.sampling, episodes_per_task=settings.episodes_per_task)
    envs = make_task_envs(config.env, settings.tasks, sampling)
    policy = make_policy(envs[0].single_observation_space, envs[0].single_action_space, config.policy)
    estimator = evaluation_estimator(config, policy)
    estimator.check_fits(params)
    sampler = Sampler(envs, policy, sampling, device)
    inner_loop = InnerLoop(sampler, config.adaptation, config.advantages)
    rng = np.random.default_rng(settings.seed)
    generator = torch.Generator(device).manual_seed(settings.seed)
    tasks = sampler.sample_tasks(rng)
    adapted = inner_loop.run(estimator, params.to(device), tasks, rng, generator, PhaseTimer(device))
    returns = np.stack([rollouts.task_returns().cpu().numpy() for rollouts in adapted.rollouts])
    return PolicyEvaluation(estimator.scales, {"return": returns}, tasks, adapted)
