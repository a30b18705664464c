"""Supervised meta-learning: draw tasks, adapt to a few examples of each, descend the loss on others."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from mamlrl.errors import NonFiniteError, UserError
from mamlrl.experiments.supervised import SupervisedExperiment
from mamlrl.inner_loops.assembly import assemble_supervised
from mamlrl.learners.gradient_meta_learner import GradientMetaLearner, inner_gradient_norms
from mamlrl.learners.learner import Report
from mamlrl.losses.task_losses import TaskLosses
from mamlrl.metric_names import ITERATION, META_GRADIENT_NORM, Metrics, after_step, seconds
from mamlrl.outer.build import GRADIENT_OPTIMIZERS
from mamlrl.outer.optimizer import GradientOptimizer
from mamlrl.supervised.tasks import Examples
from mamlrl.timing import PhaseTimer

VALIDATION_SEED = 2000003


class SupervisedLearner(GradientMetaLearner):
    """Meta-trains a network for few-shot learning.

    Args:
        config: The experiment.

    Attributes:
        tasks: The distribution of tasks.
        network: The network.
        seconds: Seconds that each phase of the last meta-iteration took.
        inner_loop: Adapts the network to tasks.

    Raises:
        UserError: If the data set, the device or a compiler is not available, or settings do not fit.
    """

    config: SupervisedExperiment
    optimizer: GradientOptimizer

    def __init__(self, config: SupervisedExperiment) -> None:
        assembly = assemble_supervised(config, "train", config.seed)
        self.tasks, self.inner_loop = assembly.tasks, assembly.inner_loop
        self.network = self.inner_loop.network
        super().__init__(config, assembly.device, assembly.randomness, self.network, self.inner_loop.estimator)
        make_optimizer = GRADIENT_OPTIMIZERS.choose("outer_optimizer:", config.outer_optimizer)
        self.optimizer = make_optimizer(config, self.network.distribution, self.params)
        self._validation = self._sample(np.random.default_rng(VALIDATION_SEED), config.data.validation_tasks)
        self._descend = _compiled(self) if config.compile else self.descend
        self.seconds: dict[str, float] = {}

    def sample(self) -> Examples:
        """Draws the tasks of a meta-batch, and examples of each."""
        return self._sample(self.randomness.rng, self.config.meta_batch_size)

    def _sample(self, rng: np.random.Generator, num_tasks: int) -> Examples:
        data = self.config.data
        return self.tasks.sample(rng, num_tasks, data.shots, data.queries).to(self.device)

    def sample_losses(self) -> tuple[TaskLosses, TaskLosses]:
        """See `GradientMetaLearner.sample_losses`."""
        examples = self.sample()
        return self.inner_loop.losses(examples.support), self.inner_loop.losses(examples.query)

    def descend(self, theta: Tensor, examples: Examples) -> Tensor:
        """Takes a step from meta-parameters, shape (P + R,), down the mean loss after adaptation."""
        adaptation = self.inner_loop.adapt(theta, examples.support)
        gradient = self.inner_loop.objective(adaptation, examples.query).gradient()
        return self.optimizer.descend(theta, gradient)

    def step(self) -> None:
        """Runs one meta-iteration."""
        timer = PhaseTimer(self.device)
        with timer.phase("sampling"):
            examples = self.sample()
        with timer.phase("step"):
            self.params = self._descend(self.params, examples)
        self.iteration += 1
        self.seconds = timer.seconds

    def report(self) -> Report:
        """Adapts to the validation tasks, the same in every report; the score is minus the mean loss after it.

        Raises:
            NonFiniteError: If the loss is not finite.
        """
        adaptation = self.inner_loop.adapt(self.params, self._validation.support)
        objective = self.inner_loop.objective(adaptation, self._validation.query)
        values = self.inner_loop.measure(self.tasks, adaptation, self._validation.query)
        metrics: Metrics = {ITERATION: self.iteration}
        for name, steps in values.items():
            metrics |= {after_step(name, step): float(tasks.mean()) for step, tasks in enumerate(steps)}
        score = -metrics[after_step("loss", self.config.adaptation.steps)]
        if not np.isfinite(score):
            raise NonFiniteError(
                f"iteration {self.iteration}: the loss after adaptation is not finite; "
                "a smaller adaptation.step_size or adam.learning_rate may help"
            )
        metrics |= inner_gradient_norms(adaptation)
        metrics[META_GRADIENT_NORM] = float(objective.gradient().norm())
        metrics |= {**objective.metrics(), **seconds(self.seconds)}
        return Report(metrics, score, self.state_dict())


def _compiled(learner: SupervisedLearner) -> Callable[[Tensor, Examples], Tensor]:
    if not learner.estimator.rule.compiles:
        raise UserError(
            f"compile: estimator {learner.config.adaptation.estimator} cannot be compiled; set compile to false"
        )
    if not learner.network.compiles:
        raise UserError(
            f"compile: the network for {learner.config.data.dataset} cannot be compiled; set it to false"
        )
    compiler = os.environ.get("CXX", "g++")
    if learner.device.type == "cpu" and shutil.which(compiler) is None:
        raise UserError(f"compile: there is no C++ compiler {compiler} here; install one, or set compile to false")
    return torch.compile(
        learner.descend,
        dynamic=False,
        fullgraph=True,
        options={"cpp_wrapper": learner.device.type == "cpu"},  # calls from Python would take a fifth of the time
    )
