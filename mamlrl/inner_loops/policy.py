"""Adapting to tasks by acting in them: sample, process, step, for every task at once."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from mamlrl.adaptation.build import PolicyAdaptationConfig
from mamlrl.adaptation.estimator import Adaptation, Estimator
from mamlrl.errors import LearningError, UserError
from mamlrl.finite import check_tasks_finite
from mamlrl.losses.build import INNER_LOSSES
from mamlrl.losses.output_loss import OutputLoss
from mamlrl.losses.task_losses import TaskLosses
from mamlrl.networks.network import Network
from mamlrl.randomness import Randomness
from mamlrl.sampling.advantages import AdvantageConfig, ProcessedRollouts, make_value_baseline, process
from mamlrl.sampling.pooling import process_pooled
from mamlrl.sampling.rollouts import Rollouts
from mamlrl.sampling.sampler import Sampler
from mamlrl.settings.choices import named
from mamlrl.threads import one_thread_per_operation
from mamlrl.timing import PhaseTimer


@dataclass(frozen=True)
class AdaptedTasks:
    """Outcome of the inner loop.

    Attributes:
        adaptation: Parameters before each step and after the last.
        rollouts: Episodes of the parameters before each step, and of the adapted ones.
        processed: The same episodes with advantages.
        diverged: Simulations that diverged on the way.
    """

    adaptation: Adaptation
    rollouts: tuple[Rollouts, ...]
    processed: tuple[ProcessedRollouts, ...]
    diverged: int


def make_inner_loss(config: PolicyAdaptationConfig, network: Network, estimator: Estimator) -> OutputLoss:
    """Returns the loss that an inner loop descends on sampled episodes.

    Args:
        config: The inner loop.
        network: Whose parameters are adapted.
        estimator: The inner loop's estimator.

    Raises:
        UserError: If the loss does not hold at all parameters that the inner loop evaluates it at.
    """
    loss = INNER_LOSSES.choose("adaptation.loss:", config.loss)(network.distribution)
    if loss.on_policy and estimator.rule.revisits:
        raise UserError(
            f"adaptation.loss: {named(config.loss)} holds only at the parameters that sampled the episodes, "
            f"which {named(config.estimator)} with gradient_steps {config.gradient_steps} leaves; choose "
            "likelihood_ratio"
        )
    return loss


class PolicyInnerLoop:
    """Samples episodes of a batch of tasks and adapts the policy to each.

    Args:
        sampler: Collects episodes of a batch of tasks.
        network: The sampler's policy, with derivatives.
        estimator: The inner loop's estimator.
        loss: Loss that the estimator descends.
        advantages: How advantages are computed.
        pooled: Whether all episodes count as those of one task, whatever their tasks: value baseline, advantages
            and losses are then of all of them together, those of other processes included.
    """

    def __init__(
        self,
        sampler: Sampler,
        network: Network,
        estimator: Estimator,
        loss: OutputLoss,
        advantages: AdvantageConfig,
        pooled: bool = False,
    ) -> None:
        self.estimator = estimator
        self.pooled = pooled
        self._sampler = sampler
        self._network = network
        self._loss = loss
        self._advantages = advantages
        self._process = process_pooled if pooled else process
        self._baseline = make_value_baseline(advantages)

    @one_thread_per_operation()
    def run(
        self, theta: Tensor, tasks: NDArray[np.float64], randomness: Randomness, timer: PhaseTimer | None = None
    ) -> AdaptedTasks:
        """Adapts to tasks on freshly sampled episodes before each step, and samples the adapted policies.

        Args:
            theta: Meta-parameters, shape (P + R,).
            tasks: Shape (task, ...); where episodes are pooled, also a task of each episode.
            randomness: Randomness of environments and actions.
            timer: Takes the times of sampling, advantages and adaptation, if they are of interest.

        Returns:
            The adaptation and all rollouts.

        Raises:
            RunError: If parameters are not finite, or see `Sampler.sample`.
        """
        self.estimator.check_finite(theta)
        timer = timer or PhaseTimer(theta.device)
        self._sampler.set_tasks(tasks)
        diverged_before = self._sampler.diverged
        normalizer = self._sampler.normalizer
        rollouts: list[Rollouts] = []
        processed: list[ProcessedRollouts] = []

        def sample(step: int, phi: Tensor) -> None:
            check_tasks_finite(f"a parameter after inner step {step}", phi)
            with timer.phase("sampling"):
                rollouts.append(self._sample(step, phi, randomness))
            with timer.phase("advantages"):
                processed.append(self._process(rollouts[-1], self._advantages, self._baseline, normalizer))

        def source(step: int, phi: Tensor) -> TaskLosses:
            sample(step, phi)
            return TaskLosses(self._network, self._loss, processed[-1].batch)

        with timer.phase("adaptation"):
            adaptation = self.estimator.adapt(theta, 1 if self.pooled else self._sampler.num_tasks, source)
        adaptation.check_finite()
        sample(len(adaptation.updates), adaptation.phi)
        diverged = self._sampler.diverged - diverged_before
        return AdaptedTasks(adaptation, tuple(rollouts), tuple(processed), diverged)

    def _sample(self, step: int, phi: Tensor, randomness: Randomness) -> Rollouts:
        """Samples episodes of policies after some inner steps, which messages about them name."""
        try:
            if self.pooled:
                return self._sampler.sample(phi[0], randomness).pooled()
            return self._sampler.sample(phi, randomness)
        except LearningError as error:
            if step == 0:
                raise
            raise LearningError(f"after inner step {step}, {error}") from error
