"""Supervised meta-learning: draw tasks, adapt to a few examples of each, descend the loss on others."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor

from mamlrl.adaptation.gradient_descent import GradientDescent
from mamlrl.errors import NonFiniteError, UserError
from mamlrl.experiments.experiment import Config
from mamlrl.inner_loops.supervised import SupervisedInnerLoop
from mamlrl.learners.learner import Learner
from mamlrl.outer.optimizer import OUTER_OPTIMIZERS, GradientOptimizer
from mamlrl.runs.metrics_file import Metrics
from mamlrl.sampling.build import make_device
from mamlrl.supervised.build import make_supervised_tasks
from mamlrl.supervised.tasks import Examples
from mamlrl.timing import PhaseTimer

VALIDATION_SEED = 2000003


class SupervisedLearner(Learner):
    """Meta-trains a network for few-shot learning.

    Args:
        config: The experiment.

    Attributes:
        tasks: The distribution of tasks.
        network: The network.
        seconds: What the phases of the last meta-iteration took.
        inner_loop: Adapts to tasks.

    Raises:
        UserError: If the data set, the device or a compiler cannot be had, or the options do not fit.
    """

    def __init__(self, config: Config) -> None:
        device = make_device(config.device)
        self.tasks = make_supervised_tasks(config.data, "train")
        self.network = self.tasks.make_network(config.policy)
        super().__init__(config, self.network, device)
        self.inner_loop = SupervisedInnerLoop(self.network, self.estimator)
        self._descend = _gradient_optimizer(self).descend
        self._validation = self._sample(np.random.default_rng(VALIDATION_SEED), config.data.validation_tasks)
        self._step = _compiled(self) if config.compile else self.step
        self.seconds: dict[str, float] = {}

    def sample(self) -> Examples:
        """Draws the tasks of a meta-batch, and examples of each."""
        return self._sample(self.rng, self.config.meta_batch_size)

    def _sample(self, rng: np.random.Generator, num_tasks: int) -> Examples:
        data = self.config.data
        return self.tasks.sample(rng, num_tasks, data.shots, data.queries).to(self.device)

    def step(self, params: Tensor, examples: Examples) -> Tensor:
        """Takes a step from meta-parameters, shape (P + R,), down the mean loss after adaptation."""
        adaptation = self.inner_loop.adapt(params, examples.support)
        gradient = self.inner_loop.objective(adaptation, examples.query).gradient()
        return self._descend(params, gradient)

    def advance(self) -> None:
        """Runs one meta-iteration."""
        timer = PhaseTimer(self.device)
        with timer.phase("sampling"):
            examples = self.sample()
        with timer.phase("step"):
            self.params = self._step(self.params, examples)
        self.iteration += 1
        self.seconds = timer.seconds

    def report(self) -> Metrics:
        """Adapts to the validation tasks, the same in every report.

        Raises:
            NonFiniteError: If the loss is not finite.
        """
        adaptation = self.inner_loop.adapt(self.params, self._validation.support)
        objective = self.inner_loop.objective(adaptation, self._validation.query)
        values = self.inner_loop.measure(self.tasks, adaptation, self._validation.query)
        metrics: Metrics = {"iteration": self.iteration}
        for name, steps in values.items():
            metrics |= {f"{name}/step_{step}": float(tasks.mean()) for step, tasks in enumerate(steps)}
        if not np.isfinite(self.score(metrics)):
            raise NonFiniteError(
                f"iteration {self.iteration}: the loss after adaptation is not finite; "
                "a smaller adaptation.step_size or adam.learning_rate may help"
            )
        for step, update in enumerate(adaptation.updates):
            metrics[f"gradient_norm/inner_{step + 1}"] = float(update.gradients[0].norm(dim=1).mean())
        metrics["gradient_norm/meta"] = float(objective.gradient().norm())
        seconds = {f"seconds/{phase}": seconds for phase, seconds in self.seconds.items()}
        return {**metrics, **objective.metrics(), **seconds}

    def score(self, metrics: Metrics) -> float:
        """Minus the mean loss of the adapted networks."""
        return -metrics[f"loss/step_{self.config.adaptation.steps}"]

    def reported_state(self) -> dict[str, Any]:
        """The state as it is: reports are of the meta-parameters after the meta-iteration."""
        return self.state_dict()


def _gradient_optimizer(learner: SupervisedLearner) -> GradientOptimizer:
    """Returns the learner's optimizer if it serves networks that are no policies."""
    if isinstance(learner.optimizer, GradientOptimizer):
        return learner.optimizer
    config, distribution = learner.config, learner.network.distribution
    built = {name: make(config, distribution, learner.params) for name, make in OUTER_OPTIMIZERS.items()}
    serving = [name for name, other in built.items() if isinstance(other, GradientOptimizer)]
    raise UserError(
        f"outer_optimizer: {config.outer_optimizer} needs policies, not supervised tasks; with data.dataset "
        f"{config.data.dataset} there are: {', '.join(serving)}"
    )


def _compiled(learner: SupervisedLearner) -> Callable[[Tensor, Examples], Tensor]:
    if not isinstance(learner.estimator.rule, GradientDescent):
        raise UserError("compile: imaml decides by its data when to stop; there are: maml, first_order")
    if not learner.network.compiles:
        raise UserError(
            f"compile: the network for {learner.config.data.dataset} cannot be compiled; set it to false"
        )
    compiler = os.environ.get("CXX", "g++")
    if learner.device.type == "cpu" and shutil.which(compiler) is None:
        raise UserError(f"compile: there is no C++ compiler {compiler} here; install one, or set compile to false")
    return torch.compile(
        learner.step,
        dynamic=False,
        fullgraph=True,
        options={"cpp_wrapper": learner.device.type == "cpu"},  # calls from Python would take a fifth of the time
    )
