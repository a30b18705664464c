"""Meta-reinforcement learning: one meta-iteration is sample tasks, adapt, take an outer step."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from mamlrl.distributed.exchange import meet
from mamlrl.distributed.metrics import combined
from mamlrl.distributed.team import share_of
from mamlrl.errors import LearningError, UserError
from mamlrl.experiments.policy import PolicyExperiment
from mamlrl.inner_loops.assembly import assemble_policy
from mamlrl.inner_loops.policy import AdaptedTasks
from mamlrl.learners.gradient_meta_learner import GradientMetaLearner
from mamlrl.learners.learner import Report
from mamlrl.learners.policy_metrics import acting_metrics
from mamlrl.learners.validation import Validation
from mamlrl.losses.policy_losses import Surrogate
from mamlrl.losses.task_losses import TaskLosses
from mamlrl.metric_names import (
    ENV_STEPS,
    ITERATION,
    RETURN,
    STEPS_PER_SECOND,
    Metrics,
    after_step,
    seconds,
)
from mamlrl.outer.build import OUTER_OPTIMIZERS, make_outer_optimizer
from mamlrl.outer.exploration import exploration_losses
from mamlrl.outer.objective import MetaObjective
from mamlrl.sampling.blame import are_sound
from mamlrl.sampling.normalization import KEY as NORMALIZER
from mamlrl.sampling.spaces import plain_interface
from mamlrl.settings.choices import named
from mamlrl.threads import one_thread_per_operation
from mamlrl.timing import PhaseTimer

CHECKED_SAMPLES = 16  # of each task, whose actions are checked after an outer step


class MetaLearner(GradientMetaLearner):
    """Meta-trains a policy.

    Args:
        config: The experiment.

    Attributes:
        policy: The policy.
        sampler: Rolls it out in the tasks of a meta-batch.
        env_steps: Environment steps taken.

    Raises:
        UserError: If the environment or the device is not available, or settings do not fit.
    """

    config: PolicyExperiment

    def __init__(self, config: PolicyExperiment) -> None:
        share = share_of("meta_batch_size", config.meta_batch_size)
        assembly = assemble_policy(config, len(share.tasks), config.seed, share=share)
        if config.exploration_weight and not config.adaptation.steps:
            raise UserError(
                "exploration_weight: with adaptation.steps 0, no episodes are before adaptation and could be "
                "credited; leave it at 0, or take steps"
            )
        self.policy, self.sampler = assembly.policy, assembly.sampler
        self._inner_loop = assembly.inner_loop
        super().__init__(config, assembly.device, assembly.randomness, self.policy, assembly.inner_loop.estimator)
        self.optimizer = make_outer_optimizer(OUTER_OPTIMIZERS, config, self.policy.distribution, self.params)
        self._interface = plain_interface(self.sampler.env, config.sampling)
        self._validation = Validation(config) if config.evaluation.every else None
        self.env_steps = 0
        self._metrics: Metrics = {}
        self._before = self.state_dict()

    @one_thread_per_operation()
    def step(self) -> None:
        """Runs one meta-iteration.

        Raises:
            RunError: If learning diverges, the environment makes numbers that are not finite, raises an error or
                breaks its contract, or every simulation of a task diverges; the meta-parameters stay.
        """
        self._before = self.state_dict()
        self.randomness.begin(self.iteration)
        timer = PhaseTimer(self.device)
        adapted = self.collect(timer)
        with self.blamed():
            objective = self.objective(adapted)
            params, outer_metrics = self.optimizer.step(self.params, objective, timer)
            self.check_finite(params)
            self._check_acts(params, adapted.processed[-1].batch.observations)
            if self.sampler.normalizer is not None:  # for the next meta-iteration
                self.sampler.normalizer = self.sampler.normalizer.including(adapted.rollouts)
        acting = acting_metrics(adapted, self.config.env.info, self.policy.distribution, self._inner_loop.pooled)
        transitions = int(acting.pop(ENV_STEPS))
        others = {
            **objective.metrics(),
            **outer_metrics,
            STEPS_PER_SECOND: transitions / timer.seconds["sampling"],
            **seconds(timer.seconds),
        }
        metrics = acting | combined(others, self.sampler.num_tasks)
        self.params = params
        self.iteration += 1
        self.env_steps += transitions
        self._metrics = {ITERATION: self.iteration, ENV_STEPS: self.env_steps, **metrics}

    def summary(self) -> dict[str, str]:
        """See `Learner.summary`."""
        config, times = self.config, self.config.adaptation.steps + 1
        episodes = f"{config.sampling.episodes_per_task} episodes x {self.sampler.horizon} steps"
        sampled = f"{config.meta_batch_size} tasks x {episodes}, {times} times"
        if self._inner_loop.pooled:
            sampled = f"{config.meta_batch_size} x {episodes}, each episode in a task of its own"
        return {"environment": named(config.env.id), **super().summary(), "meta-iteration": sampled}

    def report(self) -> Report:
        """Reports the mean return of the adapted policies, of the meta-parameters before the outer step.

        With `evaluation.every`, the score is that of the meta-parameters after it on validation tasks, where it is
        measured, and unknown in other meta-iterations.
        """
        if self._validation is None:
            return Report(
                self._metrics, self._metrics[after_step(RETURN, self.config.adaptation.steps)], self._before
            )
        if not self._validation.is_due(self.iteration):
            return Report(self._metrics, -np.inf, self._before, self._validation.names)
        state = self.state_dict()
        measured, score = self._validation.measure(state)
        return Report({**self._metrics, **measured}, score, state)

    def collect(self, timer: PhaseTimer | None = None) -> AdaptedTasks:
        """Samples tasks, adapts to them, and rolls the adapted policies out; without inner steps, see `pooled`."""
        with self.blamed():
            tasks = self.sampler.sample_tasks(self.randomness.rng, of_episodes=self._inner_loop.pooled)
            adapted = self._inner_loop.run(self.params, tasks, self.randomness, timer)
        meet()
        return adapted

    def sample_losses(self) -> tuple[TaskLosses, TaskLosses]:
        """See `GradientMetaLearner.sample_losses`; the second are on episodes of the adapted policies."""
        processed = self.collect().processed
        loss = Surrogate(self.policy.distribution)
        inner, outer = (TaskLosses(self.policy, loss, part.batch) for part in processed[:2])
        return inner, outer

    def objective(self, adapted: AdaptedTasks) -> MetaObjective:
        """The objective of the outer step that follows `collect`."""
        *before, after = (processed.batch for processed in adapted.processed)
        losses = TaskLosses(self.policy, Surrogate(self.policy.distribution), after)
        weight = self.config.exploration_weight
        explored = exploration_losses(self.policy, before, adapted.rollouts[-1], weight) if weight else ()
        share = after.num_samples if self._inner_loop.pooled else 1  # of one task, each process has some samples
        return MetaObjective(self.estimator, adapted.adaptation, losses, explored, share)

    def _check_acts(self, params: Tensor, observations: Tensor) -> None:
        """Raises a LearningError if new meta-parameters choose absurd actions: no checkpoint must hold them.

        Args:
            params: Meta-parameters, shape (P + R,).
            observations: Shape (task, sample, D); some are enough to tell.
        """
        some = observations[:, :: -(-observations.shape[1] // CHECKED_SAMPLES)]
        outputs = self.policy(self.estimator.split(params)[0].expand(len(some), -1), some)
        noise = self.policy.distribution.noise(some.shape[:2], _generator(self.device), params.dtype)
        actions = self.policy.distribution.sample(outputs, noise)
        if not are_sound(actions, self.sampler.groups[0].action_limit):
            raise LearningError(
                "an action of the policy after the outer step is not finite, or absurdly large", True
            )

    def state_dict(self) -> dict[str, Any]:
        """See `Learner.state_dict`."""
        normalizer = self.sampler.normalizer
        statistics = {} if normalizer is None else {NORMALIZER: normalizer.state_dict()}
        return {**super().state_dict(), "env_steps": self.env_steps, "interface": self._interface, **statistics}

    def take_parameters(self, state: dict[str, Any]) -> None:
        """See `Learner.take_parameters`; statistics of observations, which they were learned with, go along."""
        super().take_parameters(state)
        self.sampler.take_normalizer(state)

    def _restore(self, state: dict[str, Any]) -> None:
        super()._restore(state)
        self.sampler.take_normalizer(state)
        self.env_steps = int(state["env_steps"])


def _generator(device: torch.device) -> torch.Generator:
    """Randomness that is not the run's, so that a check changes nothing."""
    return torch.Generator(device).manual_seed(0)
