"""Supervised meta-learning: draw tasks, adapt to a few examples of each, descend the loss on others."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from mamlrl.distributed.exchange import meet
from mamlrl.distributed.metrics import combined, of_all_tasks
from mamlrl.distributed.team import share_if_enough, share_of, size
from mamlrl.errors import LearningError
from mamlrl.experiments.experiment import VALIDATION_SEED
from mamlrl.experiments.supervised import SupervisedExperiment
from mamlrl.finite import check_finite, is_finite
from mamlrl.inner_loops.assembly import assemble_supervised
from mamlrl.inner_loops.suspects import blamed
from mamlrl.learners.compilation import check_compiles, compiled
from mamlrl.learners.gradient_meta_learner import GradientMetaLearner, inner_gradient_norms
from mamlrl.learners.learner import Report
from mamlrl.losses.task_losses import TaskLosses
from mamlrl.metric_names import ITERATION, META_GRADIENT_NORM, Metrics, after_step, seconds
from mamlrl.outer.build import GRADIENT_OPTIMIZERS, make_outer_optimizer
from mamlrl.outer.objective import mean_over_tasks
from mamlrl.outer.optimizer import GradientOptimizer
from mamlrl.settings.choices import named
from mamlrl.supervised.build import make_supervised_tasks
from mamlrl.supervised.splits import check_apart
from mamlrl.supervised.tasks import Examples
from mamlrl.supervised.trained_classes import EARLIER, all_named_in, as_state, check_not_trained_on, resumed
from mamlrl.threads import one_thread_per_operation
from mamlrl.timing import PhaseTimer


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
        self.optimizer = make_outer_optimizer(GRADIENT_OPTIMIZERS, config, self.network.distribution, self.params)
        self._share = share_of("meta_batch_size", config.meta_batch_size)
        self._trained_classes: tuple[str, ...] | None = self.tasks.class_names
        self._earlier_classes: list[str] = []
        self._validation = self._sample_validation()
        self._descend, self._sum = one_thread_per_operation()(self.descend), self._gradient_sum
        if config.compile:
            check_compiles(config, self.estimator, self.network, self.device)
            if size() == 1:
                self._descend = compiled(self.descend, self.device)
            else:  # all of it but the sum over processes
                self._descend, self._sum = self.descend, compiled(self._gradient_sum, self.device)
        self.seconds: dict[str, float] = {}

    def sample(self) -> Examples:
        """Draws the tasks of a meta-batch, and examples of each; returns those of this process."""
        data, share = self.config.data, self._share
        examples = self.tasks.sample_part(self.randomness.rng, share.total, data.shots, data.queries, share.part)
        return examples.to(self.device)

    def _sample_validation(self) -> Examples:
        """Draws the validation tasks, whose classes are not trained on."""
        data = self.config.data
        tasks = make_supervised_tasks(data, "val")
        check_apart(self.tasks.class_names, tasks.class_names, "validation")
        self._validation_classes = tasks.class_names
        rng = np.random.default_rng(VALIDATION_SEED)
        total, self._validation_share = data.validation_tasks, share_if_enough(data.validation_tasks)
        examples = tasks.sample_part(rng, total, data.shots, data.queries, self._validation_share.part)
        return examples.to(self.device)

    def sample_losses(self) -> tuple[TaskLosses, TaskLosses]:
        """See `GradientMetaLearner.sample_losses`."""
        examples = self.sample()
        return self.inner_loop.losses(examples.support), self.inner_loop.losses(examples.query)

    def descend(self, theta: Tensor, examples: Examples) -> Tensor:
        """Takes a step from meta-parameters, shape (P + R,), down the mean loss after adaptation."""
        gradient = mean_over_tasks(self._sum(theta, examples), len(examples.query))
        return self.optimizer.descend(theta, gradient)

    def _gradient_sum(self, theta: Tensor, examples: Examples) -> Tensor:
        adaptation = self.inner_loop.adapt(theta, examples.support)
        return self.inner_loop.objective(adaptation, examples.query).gradient_sum()

    def step(self) -> None:
        """Runs one meta-iteration.

        Raises:
            LearningError: If learning diverges; the meta-parameters stay.
        """
        timer = PhaseTimer(self.device)
        self.randomness.begin(self.iteration)
        try:  # not a context around it all, which would take a fiftieth of the time
            self.params = self._step(timer)
        except LearningError:
            with self.blamed():
                raise
        self.iteration += 1
        self.seconds = timer.seconds

    def _step(self, timer: PhaseTimer) -> Tensor:
        """Draws a meta-batch and takes the outer step; returns new meta-parameters."""
        with timer.phase("sampling"):
            examples = self.sample()
        with timer.phase("step"):
            params = self._descend(self.params, examples)
        if not is_finite(params):
            self._find_divergence(params, examples)
        return params

    def _find_divergence(self, params: Tensor, examples: Examples) -> None:
        """Takes an outer step again, which may have been compiled, to name the first number that is not finite."""
        adaptation = self.inner_loop.adapt(self.params, examples.support)
        adaptation.check_finite()
        meet()
        check_finite("the meta-gradient", self.inner_loop.objective(adaptation, examples.query).gradient())
        self.check_finite(params)

    def summary(self) -> dict[str, str]:
        """See `Learner.summary`."""
        data = self.config.data
        sampled = f"{self.config.meta_batch_size} tasks x ({data.shots} shots + {data.queries} queries)"
        return {"data set": named(data.dataset), **super().summary(), "meta-iteration": sampled}

    def report(self) -> Report:
        """Adapts to the validation tasks, the same in every report; the score is minus the mean loss after it.

        Raises:
            LearningError: If the loss or its gradient is not finite.
        """
        with blamed(self.config, f"iteration {self.iteration}: "):
            metrics = self._validate()
        score = -metrics[after_step("loss", self.config.adaptation.steps)]
        return Report(metrics, score, self.state_dict())

    @one_thread_per_operation()
    def _validate(self) -> Metrics:
        adaptation = self.inner_loop.adapt(self.params, self._validation.support)
        objective = self.inner_loop.objective(adaptation, self._validation.query)
        measured = self.inner_loop.measure(self.tasks, adaptation, self._validation.query)
        norms = {"gradients": [update.gradients[0].norm(dim=1) for update in adaptation.updates]}
        mine = {name: list(map(torch.from_numpy, steps)) for name, steps in measured.items()}
        values = of_all_tasks(mine | norms, self._validation_share)
        metrics: Metrics = {ITERATION: self.iteration}
        for name in measured:
            metrics |= {
                after_step(name, step): float(each.numpy().mean()) for step, each in enumerate(values[name])
            }
            if name == "loss":
                check_finite("the loss after adaptation to the validation tasks", values[name][-1])
        gradient = objective.gradient()
        check_finite("the meta-gradient on the validation tasks", gradient)
        metrics |= inner_gradient_norms(values["gradients"])
        metrics[META_GRADIENT_NORM] = float(gradient.norm())
        metrics |= combined(objective.metrics(), len(self._validation_share.tasks))
        return {**metrics, **seconds(self.seconds)}

    def state_dict(self) -> dict[str, Any]:
        """See `Learner.state_dict`."""
        state = {**super().state_dict(), **as_state(self._trained_classes, self._earlier_classes)}
        interface = self.tasks.interface
        return {**state, "interface": interface.plain} if interface else state

    def take_parameters(self, state: dict[str, Any]) -> None:
        """See `Learner.take_parameters`; classes that they were trained on count as trained on."""
        if self.tasks.class_names:
            check_not_trained_on(state, self._validation_classes, "validation")
            earlier = all_named_in(state, ())
            self._earlier_classes = earlier or []
            if earlier is None:  # there are others than it could name
                self._trained_classes = None
        super().take_parameters(state)

    def _restore(self, state: dict[str, Any]) -> None:
        if self._trained_classes is not None:  # a second time, the warning would be the same
            self._trained_classes = resumed(state, self.tasks.class_names)
        super()._restore(state)
        self._earlier_classes = list(state.get(EARLIER, []))
