"""Adaptation to held-out tasks: returns after 0, 1, 2, ... gradient steps, with confidence intervals."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import stats
from torch import Tensor

from mamlrl.adaptation import make_estimator
from mamlrl.config import Config, EvaluationConfig
from mamlrl.environments import make_device, make_task_env
from mamlrl.inner_loop import AdaptedTasks, InnerLoop
from mamlrl.policies import make_policy
from mamlrl.timing import PhaseTimer


@dataclass(frozen=True)
class Evaluation:
    """Returns on held-out tasks.

    Attributes:
        tasks: Task parameters, shape (task, ...).
        step_sizes: Step size of each gradient step.
        returns: Mean return of each task after k steps, shape (step + 1, task).
        adapted: The adaptation and all rollouts.
    """

    tasks: NDArray[np.float64]
    step_sizes: tuple[float, ...]
    returns: NDArray[np.float64]
    adapted: AdaptedTasks

    def summary(self) -> list[dict[str, Any]]:
        """Returns, by number of steps, the mean over tasks, its 95% interval (None for one task), all returns."""
        rows = []
        for step, returns in enumerate(self.returns):
            mean, half_width = mean_interval(returns)
            interval = None if np.isnan(half_width) else half_width
            rows.append({"step": step, "mean": mean, "interval_95": interval, "returns": returns.tolist()})
        return rows


def mean_interval(values: Sequence[float] | NDArray[np.float64]) -> tuple[float, float]:
    """Returns the mean of independent values and the half width of its 95% Student-t interval (NaN for one)."""
    count = len(values)
    if count < 2:
        return float(np.mean(values)), float("nan")
    half_width = stats.t.ppf(0.975, count - 1) * np.std(values, ddof=1) / np.sqrt(count)
    return float(np.mean(values)), float(half_width)


def step_sizes(config: Config) -> tuple[float, ...]:
    """Returns the step sizes of an evaluation: the first, then the first times a factor."""
    settings = config.evaluation
    first = config.adaptation.step_size if settings.first_step_size is None else settings.first_step_size
    return tuple(first * (settings.later_step_factor if step else 1.0) for step in range(settings.steps))


def evaluate(config: Config, params: Tensor) -> Evaluation:
    """Adapts meta-parameters to held-out tasks, sampling fresh episodes before every gradient step.

    Args:
        config: The experiment; `config.evaluation` says what to evaluate.
        params: Meta-parameters, shape (P,).

    Raises:
        UserError: If the environment or the device cannot be had, or the parameters do not fit.
    """
    settings: EvaluationConfig = config.evaluation
    device = make_device(config.device)
    env = make_task_env(config.env, settings.tasks * settings.episodes_per_task)
    policy = make_policy(env.single_observation_space, env.single_action_space, config.policy)
    policy.check_fits(params)
    sampling = replace(config.sampling, episodes_per_task=settings.episodes_per_task)
    inner_loop = InnerLoop(env, policy, settings.tasks, sampling, config.advantages, device)
    estimator = replace(make_estimator(config.adaptation), step_sizes=step_sizes(config))
    rng = np.random.default_rng(settings.seed)
    generator = torch.Generator(device).manual_seed(settings.seed)
    tasks = env.sample_tasks(rng, settings.tasks)
    adapted = inner_loop.run(estimator, params.to(device), tasks, rng, generator, PhaseTimer(device))
    returns = np.stack([rollouts.task_returns().cpu().numpy() for rollouts in adapted.rollouts])
    return Evaluation(tasks, estimator.step_sizes, returns, adapted)
