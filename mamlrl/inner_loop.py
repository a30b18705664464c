"""Adapting to tasks by acting in them: sample, process, step, for every task at once."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from mamlrl.adaptation import Adaptation, Estimator
from mamlrl.advantages import ProcessedRollouts, process
from mamlrl.config import AdaptationConfig, AdvantageConfig, SamplingConfig
from mamlrl.distributions import Distribution
from mamlrl.envs import TaskVectorEnv
from mamlrl.errors import UserError
from mamlrl.losses import INNER_LOSSES, OutputLoss, TaskLosses
from mamlrl.networks import Network
from mamlrl.rollouts import Rollouts, Sampler
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
        env: Vector environment over tasks and episodes.
        policy: The policy.
        adaptation: The inner loop; its loss counts here.
        num_tasks: Number of tasks in a batch.
        sampling: How episodes are collected.
        advantages: How advantages are computed.
        device: Where the policy runs.

    Raises:
        UserError: If the inner loss does not suit the inner loop.
    """

    def __init__(
        self,
        env: TaskVectorEnv,
        policy: Network,
        adaptation: AdaptationConfig,
        num_tasks: int,
        sampling: SamplingConfig,
        advantages: AdvantageConfig,
        device: torch.device,
    ) -> None:
        self.env = env
        self.policy = policy
        self.num_tasks = num_tasks
        self._loss = make_inner_loss(adaptation, policy.distribution)
        self._sampler = Sampler(env, policy, num_tasks, sampling, device)
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
        self.env.set_tasks(tasks)
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
            return TaskLosses(self.policy, self._loss, processed[-1].batch)

        with timer.phase("adaptation"):
            adaptation = estimator.adapt(params, self.num_tasks, source)
        sample(adaptation.params)
        diverged = self._sampler.diverged - diverged_before
        return AdaptedTasks(adaptation, tuple(rollouts), tuple(processed), diverged)
