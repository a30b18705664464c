"""Adapting to tasks by acting in them: sample, process, step, for every task at once."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from mamlrl.adaptation.estimator import Adaptation, Estimator
from mamlrl.errors import UserError
from mamlrl.experiments.experiment import AdaptationConfig, AdvantageConfig
from mamlrl.losses.policy_losses import INNER_LOSSES, OutputLoss, TaskLosses
from mamlrl.networks.distributions import Distribution
from mamlrl.sampling.advantages import ProcessedRollouts, process
from mamlrl.sampling.rollouts import Rollouts
from mamlrl.sampling.sampler import Sampler
from mamlrl.timing import PhaseTimer


@dataclass(frozen=True)
class AdaptedTasks:
    """Outcome of the inner loop.

    Attributes:
        adaptation: Parameters before each step and after the last.
        rollouts: Of the parameters before each step, and of the adapted ones.
        processed: The same with advantages.
        diverged: Simulations that diverged on the way.
    """

    adaptation: Adaptation
    rollouts: tuple[Rollouts, ...]
    processed: tuple[ProcessedRollouts, ...]
    diverged: int


def make_inner_loss(config: AdaptationConfig, distribution: Distribution) -> OutputLoss:
    """Returns the loss that an inner loop descends on sampled episodes.

    Args:
        config: The inner loop.
        distribution: Of the actions.

    Raises:
        UserError: If the loss does not hold at all parameters that the inner loop evaluates it at.
    """
    stays = config.estimator != "imaml" and config.gradient_steps == 1
    if config.loss == "reinforce" and not stays:
        what = "imaml" if config.estimator == "imaml" else f"gradient_steps {config.gradient_steps}"
        raise UserError(
            f"adaptation.loss: reinforce holds only at the parameters that sampled the episodes, which {what} "
            "leaves; choose likelihood_ratio"
        )
    return INNER_LOSSES[config.loss](distribution)


class InnerLoop:
    """Samples episodes of a batch of tasks and adapts the policy to each.

    Args:
        sampler: Collects episodes of a batch of tasks.
        adaptation: The inner loop; its loss counts here.
        advantages: How advantages are computed.

    Raises:
        UserError: If the inner loss does not suit the inner loop.
    """

    def __init__(self, sampler: Sampler, adaptation: AdaptationConfig, advantages: AdvantageConfig) -> None:
        self._sampler = sampler
        self._loss = make_inner_loss(adaptation, sampler.policy.distribution)
        self._advantages = advantages

    def run(
        self,
        estimator: Estimator,
        params: Tensor,
        tasks: NDArray[np.float64],
        rng: np.random.Generator,
        generator: torch.Generator,
        timer: PhaseTimer,
    ) -> AdaptedTasks:
        """Adapts to tasks on freshly sampled episodes before each step, and samples the adapted policies.

        Args:
            estimator: The rule of the inner loop.
            params: Meta-parameters, shape (P,).
            tasks: Shape (task, ...).
            rng: Randomness of the environment.
            generator: Randomness of the actions.
            timer: Takes the times of sampling, advantages and adaptation.

        Returns:
            The adaptation and all rollouts.
        """
        self._sampler.set_tasks(tasks)
        diverged_before = self._sampler.diverged
        rollouts: list[Rollouts] = []
        processed: list[ProcessedRollouts] = []

        def sample(task_params: Tensor) -> None:
            with timer.phase("sampling"):
                rollouts.append(self._sampler.sample(task_params, rng, generator))
            with timer.phase("advantages"):
                processed.append(process(rollouts[-1], self._advantages))

        def source(step: int, task_params: Tensor) -> TaskLosses:
            del step
            sample(task_params)
            return TaskLosses(self._sampler.policy, self._loss, processed[-1].batch)

        with timer.phase("adaptation"):
            adaptation = estimator.adapt(params, self._sampler.num_tasks, source)
        sample(adaptation.params)
        diverged = self._sampler.diverged - diverged_before
        return AdaptedTasks(adaptation, tuple(rollouts), tuple(processed), diverged)
