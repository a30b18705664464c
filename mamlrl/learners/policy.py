"""Meta-reinforcement learning: one meta-iteration is sample tasks, adapt, take an outer step."""

from __future__ import annotations

from typing import Any

from mamlrl.errors import NonFiniteError
from mamlrl.experiments.policy import PolicyExperiment
from mamlrl.inner_loops.assembly import assemble_policy
from mamlrl.inner_loops.policy import AdaptedTasks
from mamlrl.learners.gradient_meta_learner import GradientMetaLearner, inner_gradient_norms
from mamlrl.learners.learner import Report
from mamlrl.losses.policy_losses import Surrogate
from mamlrl.losses.task_losses import TaskLosses
from mamlrl.metric_names import ENV_STEPS, ITERATION, Metrics, after_step, seconds
from mamlrl.outer.build import OUTER_OPTIMIZERS
from mamlrl.outer.objective import MetaObjective
from mamlrl.sampling.spaces import plain_interface
from mamlrl.timing import PhaseTimer


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
        assembly = assemble_policy(config, config.meta_batch_size, config.seed)
        self.policy, self.sampler = assembly.policy, assembly.sampler
        self._inner_loop = assembly.inner_loop
        super().__init__(config, assembly.device, assembly.randomness, self.policy, assembly.inner_loop.estimator)
        make_optimizer = OUTER_OPTIMIZERS.choose("outer_optimizer:", config.outer_optimizer)
        self.optimizer = make_optimizer(config, self.policy.distribution, self.params)
        self._interface = plain_interface(self.sampler.env, config.sampling)
        self.env_steps = 0
        self._metrics: Metrics = {}
        self._before = self.state_dict()

    def step(self) -> None:
        """Runs one meta-iteration.

        Raises:
            NonFiniteError: If the environment returns a number that is not finite.
        """
        self._before = self.state_dict()
        timer = PhaseTimer(self.device)
        adapted = self.collect(timer)
        objective = self.objective(adapted)
        self.params, outer_metrics = self.optimizer.step(self.params, objective, timer)
        self.iteration += 1
        self.env_steps += sum(rollouts.transitions for rollouts in adapted.rollouts)
        self._metrics = {
            ITERATION: self.iteration,
            ENV_STEPS: self.env_steps,
            **self._inner_metrics(adapted),
            **objective.metrics(),
            **outer_metrics,
            **seconds(timer.seconds),
        }

    def report(self) -> Report:
        """Reports the mean return of the adapted policies, of the meta-parameters before the outer step."""
        score = self._metrics[after_step("return", self.config.adaptation.steps)]
        return Report(self._metrics, score, self._before)

    def collect(self, timer: PhaseTimer | None = None) -> AdaptedTasks:
        """Samples tasks, adapts to them, and rolls the adapted policies out."""
        tasks = self.sampler.sample_tasks(self.randomness.rng)
        try:
            return self._inner_loop.run(self.params, tasks, self.randomness, timer)
        except NonFiniteError as error:
            raise NonFiniteError(f"iteration {self.iteration + 1}: {error}") from error

    def sample_losses(self) -> tuple[TaskLosses, TaskLosses]:
        """See `GradientMetaLearner.sample_losses`; the second are on episodes of the adapted policies."""
        processed = self.collect().processed
        loss = Surrogate(self.policy.distribution)
        inner, outer = (TaskLosses(self.policy, loss, part.batch) for part in processed[:2])
        return inner, outer

    def objective(self, adapted: AdaptedTasks) -> MetaObjective:
        """The objective of the outer step that follows `collect`."""
        loss = Surrogate(self.policy.distribution)
        return MetaObjective(
            self.estimator, adapted.adaptation, TaskLosses(self.policy, loss, adapted.processed[-1].batch)
        )

    def _inner_metrics(self, adapted: AdaptedTasks) -> Metrics:
        """Metrics of acting and adapting; the last step's rollouts are those of the adapted policies."""
        metrics: Metrics = {}
        for step, rollouts in enumerate(adapted.rollouts):
            metrics[after_step("return", step)] = float(rollouts.task_returns().mean())
        for step, processed in enumerate(adapted.processed):
            metrics[after_step("explained_variance", step)] = float(processed.explained_variance.mean())
        metrics |= inner_gradient_norms(adapted.adaptation)
        metrics["diverged_simulations"] = adapted.diverged
        batch = adapted.processed[-1].batch
        entropy = self.policy.distribution.entropy(batch.outputs)
        metrics["entropy"] = float((batch.weights * entropy).sum(dim=1).mean())
        return metrics

    def state_dict(self) -> dict[str, Any]:
        """See `Learner.state_dict`."""
        return {**super().state_dict(), "env_steps": self.env_steps, "interface": self._interface}

    def _restore(self, state: dict[str, Any]) -> None:
        super()._restore(state)
        self.env_steps = int(state["env_steps"])
