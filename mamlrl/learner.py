"""The meta-learner: one meta-iteration is sample tasks, adapt, take a trust-region step."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from mamlrl.adaptation import make_estimator
from mamlrl.config import Config
from mamlrl.environments import make_device, make_task_env
from mamlrl.errors import NonFiniteError, UserError
from mamlrl.inner_loop import AdaptedTasks, InnerLoop
from mamlrl.metrics import Metrics
from mamlrl.outer_step import MetaObjective
from mamlrl.policies import make_policy
from mamlrl.timing import PhaseTimer
from mamlrl.trust_region import Direction, LineSearchResult, line_search, search_direction


class MetaLearner:
    """Meta-trains a policy with MAML and TRPO.

    Args:
        config: The experiment.

    Attributes:
        env: Vector environment over the tasks and episodes of a meta-batch.
        policy: The policy.
        estimator: The rule of the inner loop.
        params: Meta-parameters, shape (P,).
        iteration: Meta-iterations done.
        env_steps: Environment steps taken.
        best_return: Best mean return of adapted policies in any meta-iteration.

    Raises:
        UserError: If the environment, the policy or the device cannot be had.
    """

    def __init__(self, config: Config) -> None:
        self.config = config
        self.device = make_device(config.device)
        self.rng = np.random.default_rng(config.seed)
        self.generator = torch.Generator(self.device).manual_seed(config.seed)
        num_envs = config.meta_batch_size * config.sampling.episodes_per_task
        self.env = make_task_env(config.env, num_envs)
        self.policy = make_policy(self.env.single_observation_space, self.env.single_action_space, config.policy)
        self.estimator = make_estimator(config.adaptation)
        self._inner_loop = InnerLoop(
            self.env, self.policy, config.meta_batch_size, config.sampling, config.advantages, self.device
        )
        self.params = self.policy.init(self.generator)
        self.iteration = 0
        self.env_steps = 0
        self.best_return = -np.inf

    def iterate(self) -> Metrics:
        """Runs one meta-iteration.

        Returns:
            Every metric of the iteration; `return/step_k` is the mean return after k inner steps.

        Raises:
            NonFiniteError: If the environment returns a number that is not finite.
        """
        timer = PhaseTimer(self.device)
        adapted = self.collect(timer)
        gradient_norm, direction, step = self._improve(self.objective(adapted), timer)
        self.params = step.params
        self.iteration += 1
        self.env_steps += sum(rollouts.transitions for rollouts in adapted.rollouts)
        return {
            "iteration": self.iteration,
            "env_steps": self.env_steps,
            **self._inner_metrics(adapted),
            **_outer_metrics(gradient_norm, direction, step),
            **{f"seconds/{phase}": seconds for phase, seconds in timer.seconds.items()},
        }

    def collect(self, timer: PhaseTimer) -> AdaptedTasks:
        """Samples tasks, adapts to them, and rolls the adapted policies out."""
        tasks = self.env.sample_tasks(self.rng, self.config.meta_batch_size)
        try:
            return self._inner_loop.run(self.estimator, self.params, tasks, self.rng, self.generator, timer)
        except NonFiniteError as error:
            raise NonFiniteError(f"iteration {self.iteration + 1}: {error}") from None

    def objective(self, adapted: AdaptedTasks) -> MetaObjective:
        """The objective of the outer step that follows `collect`."""
        return MetaObjective(self.estimator, self.policy, adapted.adaptation, adapted.processed[-1].batch)

    def _improve(self, objective: MetaObjective, timer: PhaseTimer) -> tuple[float, Direction, LineSearchResult]:
        """Takes the trust-region step."""
        settings = self.config.trust_region
        with timer.phase("gradient"):
            gradient = objective.gradient()
        with timer.phase("cg"):
            curvature = objective.curvature(settings.curvature_fraction)
            direction = search_direction(gradient, curvature, settings)
        with timer.phase("line_search"):
            step = line_search(self.params, direction.vector, objective.evaluate, settings)
        return float(gradient.norm()), direction, step

    def _inner_metrics(self, adapted: AdaptedTasks) -> Metrics:
        """Metrics of acting and adapting; the last step's rollouts are those of the adapted policies."""
        metrics: Metrics = {}
        for step, rollouts in enumerate(adapted.rollouts):
            metrics[f"return/step_{step}"] = float(rollouts.task_returns().mean())
        for step, processed in enumerate(adapted.processed):
            metrics[f"explained_variance/step_{step}"] = float(processed.explained_variance.mean())
        for step, gradients in enumerate(adapted.adaptation.gradients):
            metrics[f"gradient_norm/inner_{step + 1}"] = float(gradients.norm(dim=1).mean())
        metrics["diverged_simulations"] = adapted.diverged
        batch = adapted.processed[-1].batch
        entropy = self.policy.distribution.entropy(batch.outputs)
        metrics["entropy"] = float((batch.weights * entropy).sum(dim=1).mean())
        return metrics

    def state_dict(self) -> dict[str, Any]:
        """Returns everything that the rest of a run depends on, of types that load without running code."""
        return {
            "params": self.params.cpu(),
            "rng": self.rng.bit_generator.state,
            "generator": self.generator.get_state(),
            "iteration": self.iteration,
            "env_steps": self.env_steps,
            "best_return": float(self.best_return),
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restores what `state_dict` returned.

        Raises:
            UserError: If the state is not of this learner.
        """
        self.policy.check_fits(state["params"])
        try:
            self.params = state["params"].to(self.device)
            self.rng.bit_generator.state = state["rng"]
            self.generator.set_state(state["generator"].cpu())
            self.iteration = int(state["iteration"])
            self.env_steps = int(state["env_steps"])
            self.best_return = float(state["best_return"])
        except (KeyError, TypeError, ValueError, RuntimeError, AttributeError) as error:
            raise UserError(f"its state is damaged: {error!r}") from None


def _outer_metrics(gradient_norm: float, direction: Direction, step: LineSearchResult) -> Metrics:
    return {
        "gradient_norm/meta": gradient_norm,
        "kl": step.kl,
        "surrogate_improvement": step.improvement,
        "line_search_accepted": float(step.accepted),
        "line_search_steps": step.tried,
        "cg_iterations": direction.cg_iterations,
        "cg_residual": direction.cg_residual,
    }
