"""Pretraining as a classifier of all classes, whose head is replaced by a new one for the classes of a task."""

from __future__ import annotations

from math import ceil
from typing import Any

from torch import Tensor

from mamlrl.adaptation.step_sizes import adapted_mask
from mamlrl.distributed.team import size
from mamlrl.errors import UserError
from mamlrl.experiments.classifier import ClassifierExperiment
from mamlrl.finite import check_finite
from mamlrl.learners.learner import Report
from mamlrl.learners.supervised import SupervisedLearner
from mamlrl.losses.batches import LabelledBatch
from mamlrl.losses.likelihood import negative_log_likelihood
from mamlrl.metric_names import CLASS_ACCURACY, CLASS_CROSS_ENTROPY, Metrics
from mamlrl.networks.heads import TwoHeads
from mamlrl.outer.build import GRADIENT_OPTIMIZERS, make_outer_optimizer
from mamlrl.settings.choices import named
from mamlrl.threads import one_thread_per_operation
from mamlrl.timing import PhaseTimer

HEAD = "class_head"  # of a learner's state


class ClassifierLearner(SupervisedLearner):
    """Trains a classifier of all classes for training; what it is judged by is fine-tuning in few-shot tasks.

    Fine-tuning such a network with a new head is a baseline of few-shot learning (Ravi & Larochelle 2017,
    "Optimization as a model for few-shot learning", section 4.1; Finn et al. 2017, Table 1).

    Args:
        config: The experiment.

    Attributes:
        params: Parameters for the classes of a task, shape (P,): those of the classifier, with the new head.
        class_head: Head of the classifier, shape (H,).
        heads: Both networks.

    Raises:
        UserError: See `SupervisedLearner`; or if the data have no classes, the network has no head that could be
            replaced, or the inner loop has parameters of its own or leaves the new head as it is.
    """

    config: ClassifierExperiment

    def __init__(self, config: ClassifierExperiment) -> None:
        _check_settings(config)
        super().__init__(config)
        interface, data = self.tasks.interface, config.data
        if interface is None or not self.tasks.num_classes:
            raise UserError(
                f"data.dataset: {named(data.dataset)} has no classes that one network could tell apart; "
                "experiments of kind classifier need some, such as those of kanji"
            )
        self.heads = TwoHeads.of(interface, config.network, self.tasks.num_classes)
        self._check_adapts_head()
        images = config.meta_batch_size * data.ways * (data.shots + data.queries)
        self._sizes = _even(images, config.classifier.batch_size)
        self._loss = negative_log_likelihood(self.heads.many.distribution)
        self._measured: Metrics = {}
        every = self.heads.many.init(self.randomness.generator).to(self.device)
        self.class_head = self.heads.head_of(every)
        if config.classifier.new_head == "zeros":
            self.params = self.heads.without_head(self.params)
        self.optimizer = make_outer_optimizer(
            GRADIENT_OPTIMIZERS, config, self.heads.many.distribution, self._all_parameters()
        )

    def _check_adapts_head(self) -> None:
        adaptation = self.config.adaptation
        if self.estimator.rule.num_parameters:
            raise UserError(
                "adaptation: experiments of kind classifier learn nothing of the inner loop; set "
                "adaptation.learned_step_size to none and adaptation.proximal.learned to false"
            )
        adapted = self.heads.few.unflatten(adapted_mask(self.heads.few, adaptation.adapted))
        if not any(bool(adapted[name].any()) for name in self.heads.head):
            raise UserError(
                f"adaptation.adapted: {adaptation.adapted} leaves the new head as it is, which knows nothing; "
                "take all"
            )

    def _all_parameters(self) -> Tensor:
        """Parameters of the classifier, shape (Q,)."""
        return self.heads.for_many(self.params, self.class_head)

    def sample_batches(self) -> list[LabelledBatch]:
        """Draws the images of a meta-iteration, in even batches."""
        sizes, rng = self._sizes, self.randomness.rng
        return [self.tasks.sample_classes(rng, number).to(self.device) for number in sizes]

    @one_thread_per_operation()
    def learn(self, params: Tensor, batch: LabelledBatch) -> tuple[Tensor, Metrics]:
        """Takes a step of the outer optimizer on a batch.

        Args:
            params: Parameters of the classifier, shape (Q,).
            batch: Images of all classes, as of a single task.

        Returns:
            New parameters, and the cross-entropy and the accuracy before the step.

        Raises:
            LearningError: If the gradient is not finite.
        """
        network = self.heads.many.linearize(params[None], batch.observations)
        in_outputs, _ = self._loss.differentiate(network.outputs, batch)
        gradient = network.vjp(in_outputs)[0]
        check_finite("the gradient of the cross-entropy over all classes", gradient)
        correct = (network.outputs.argmax(dim=-1) == batch.targets).to(params.dtype)
        metrics = {
            CLASS_CROSS_ENTROPY: float(self._loss(network.outputs, batch)),
            CLASS_ACCURACY: float(correct.mean()),
        }
        return self.optimizer.descend(params, gradient), metrics

    def _step(self, timer: PhaseTimer) -> Tensor:
        with timer.phase("sampling"):
            batches = self.sample_batches()
        params, measured = self._all_parameters(), []
        with timer.phase("step"):
            for batch in batches:
                params, metrics = self.learn(params, batch)
                measured.append(metrics)
        check_finite("a parameter of the classifier", params, outer=True)
        weights = [number / sum(self._sizes) for number in self._sizes]
        self._measured = {
            name: sum(weight * each[name] for weight, each in zip(weights, measured, strict=True))
            for name in measured[0]
        }
        self.class_head = self.heads.head_of(params)
        return self.heads.for_few(params, self.params)

    def report(self) -> Report:
        """See `SupervisedLearner.report`; beside it, what the classifier was like in the last meta-iteration."""
        report = super().report()
        absent = () if self._measured else (CLASS_CROSS_ENTROPY, CLASS_ACCURACY)
        return Report({**report.metrics, **self._measured}, report.score, report.state, absent)

    def summary(self) -> dict[str, str]:
        """See `Learner.summary`."""
        images = f"{sum(self._sizes)} images of {self.tasks.num_classes} classes in {len(self._sizes)} batches"
        return {**super().summary(), "meta-iteration": images}

    def state_dict(self) -> dict[str, Any]:
        """See `Learner.state_dict`."""
        check_finite(f"iteration {self.iteration}: a parameter of the head", self.class_head)
        return {**super().state_dict(), HEAD: self.class_head.cpu()}

    def take_parameters(self, state: dict[str, Any]) -> None:
        """See `SupervisedLearner.take_parameters`; the new head stays this learner's own."""
        head = self.params
        super().take_parameters(state)
        self.params = self.heads.for_few(self._all_parameters(), head)

    def _restore(self, state: dict[str, Any]) -> None:
        super()._restore(state)
        head = state[HEAD]
        if head.shape != self.class_head.shape or head.dtype != self.class_head.dtype or not head.isfinite().all():
            raise ValueError(f"{HEAD} must be {len(self.class_head)} finite numbers of {self.class_head.dtype}")
        self.class_head = head.to(self.device)


def _check_settings(config: ClassifierExperiment) -> None:
    """Raises a UserError for settings that this learner cannot have, before anything is read."""
    if size() > 1:
        raise UserError("kind: classifier learns in one process; start it without torchrun")
    if config.compile:
        raise UserError("compile: experiments of kind classifier cannot be compiled; set it to false")
    if not config.adaptation.steps:
        raise UserError(
            "adaptation.steps: a new head knows nothing before it is adapted; experiments of kind classifier need "
            "at least 1, for their validation"
        )


def _even(images: int, batch_size: int) -> list[int]:
    """Returns the sizes of even batches.

    Raises:
        UserError: If a batch is of one image, which networks cannot normalise.
    """
    count = ceil(images / batch_size)
    sizes = [images * (index + 1) // count - images * index // count for index in range(count)]
    if min(sizes) < 2:
        raise UserError(
            f"classifier.batch_size: {images} images in batches of at most {batch_size} leave one image alone, "
            "and networks normalise by the images of a batch; raise it"
        )
    return sizes
