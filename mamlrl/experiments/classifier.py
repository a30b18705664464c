"""Experiments of classifiers of all classes, whose last layer is replaced for few-shot tasks."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from mamlrl.experiments.supervised import SupervisedExperiment
from mamlrl.settings.numbers import PositiveInt
from mamlrl.settings.section import Section


@dataclass(frozen=True)
class ClassifierConfig(Section):
    """Training of a classifier of all classes.

    Attributes:
        batch_size: Images of one step of the outer optimizer, at most: those of a meta-iteration, as many as its
            tasks would have, are divided into even batches.
        new_head: What takes the place of the last layer in tasks of a few classes: `zeros`, or `random` as at the
            start of training.
    """

    batch_size: PositiveInt = 64
    new_head: Literal["zeros", "random"] = "zeros"


@dataclass(frozen=True)
class ClassifierExperiment(SupervisedExperiment):
    """An experiment of the baseline that is pretrained as a classifier of all classes, and then fine-tuned.

    Attributes:
        classifier: Training of the classifier.
    """

    kind: str = "classifier"
    classifier: ClassifierConfig = field(default_factory=ClassifierConfig)
