"""Meta-reinforcement learning: one meta-iteration is sample tasks, adapt, take an outer step."""

from __future__ import annotations

from typing import Any

from mamlrl.errors import NonFiniteError
from mamlrl.experiments.experiment import Config
from mamlrl.inner_loops.policy import AdaptedTasks, InnerLoop
from mamlrl.learners.learner import Learner
from mamlrl.losses.policy_losses import TaskLosses, surrogate
from mamlrl.networks.mlp import make_policy
from mamlrl.outer.objective import MetaObjective
from mamlrl.runs.metrics_file import Metrics
from mamlrl.sampling.build import make_device, make_task_envs
from mamlrl.sampling.sampler import Sampler
from mamlrl.timing import PhaseTimer


class MetaLearner(Learner):
    """Meta-trains a policy.

    Args:
        config: The experiment.

    Attributes:
        policy: The policy.
        sampler: Rolls it out in the tasks of a meta-batch.
        env_steps: Environment steps taken.

    Raises:
        UserError: If the environment, the policy or the device cannot be had.
    """

    def __init__(self, config: Config) -> None:
        device = make_device(config.device)
        envs = make_task_envs(config.env, config.meta_batch_size, config.sampling)
        self.policy = make_policy(envs[0].single_observation_space, envs[0].single_action_space, config.policy)
        super().__init__(config, self.policy, device)
        self.sampler = Sampler(envs, self.policy, config.sampling, device)
        self._inner_loop = InnerLoop(self.sampler, config.adaptation, config.advantages)
        self.env_steps = 0
        self._metrics: Metrics = {}
        self._before = self.state_dict()

    def advance(self) -> None:
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
            "iteration": self.iteration,
            "env_steps": self.env_steps,
            **self._inner_metrics(adapted),
            **objective.metrics(),
            **outer_metrics,
            **{f"seconds/{phase}": seconds for phase, seconds in timer.seconds.items()},
        }

    def report(self) -> Metrics:
        """Every metric of the last meta-iteration; `return/step_k` is the mean return after k inner steps."""
        return self._metrics

    def score(self, metrics: Metrics) -> float:
        """The mean return of the adapted policies."""
        return metrics[f"return/step_{self.config.adaptation.steps}"]

    def reported_state(self) -> dict[str, Any]:
        """The state before the meta-iteration: its returns are of the meta-parameters that it started from."""
        return self._before

    def collect(self, timer: PhaseTimer) -> AdaptedTasks:
        """Samples tasks, adapts to them, and rolls the adapted policies out."""
        tasks = self.sampler.sample_tasks(self.rng)
        try:
            return self._inner_loop.run(self.estimator, self.params, tasks, self.rng, self.generator, timer)
        except NonFiniteError as error:
            raise NonFiniteError(f"iteration {self.iteration + 1}: {error}") from None

    def objective(self, adapted: AdaptedTasks) -> MetaObjective:
        """The objective of the outer step that follows `collect`."""
        loss = surrogate(self.policy.distribution)
        return MetaObjective(
            self.estimator, adapted.adaptation, TaskLosses(self.policy, loss, adapted.processed[-1].batch)
        )

    def _inner_metrics(self, adapted: AdaptedTasks) -> Metrics:
        """Metrics of acting and adapting; the last step's rollouts are those of the adapted policies."""
        metrics: Metrics = {}
        for step, rollouts in enumerate(adapted.rollouts):
            metrics[f"return/step_{step}"] = float(rollouts.task_returns().mean())
        for step, processed in enumerate(adapted.processed):
            metrics[f"explained_variance/step_{step}"] = float(processed.explained_variance.mean())
        for step, update in enumerate(adapted.adaptation.updates):
            metrics[f"gradient_norm/inner_{step + 1}"] = float(update.gradients[0].norm(dim=1).mean())
        metrics["diverged_simulations"] = adapted.diverged
        batch = adapted.processed[-1].batch
        entropy = self.policy.distribution.entropy(batch.outputs)
        metrics["entropy"] = float((batch.weights * entropy).sum(dim=1).mean())
        return metrics

    def state_dict(self) -> dict[str, Any]:
        """See `Learner.state_dict`."""
        return {**super().state_dict(), "env_steps": self.env_steps}

    def _restore(self, state: dict[str, Any]) -> None:
        super()._restore(state)
        self.env_steps = int(state["env_steps"])
