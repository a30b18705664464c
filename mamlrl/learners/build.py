"""Learners by kind of experiment."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from mamlrl.errors import UserError
from mamlrl.experiments.build import check_kind
from mamlrl.experiments.experiment import Experiment, GradientExperiment
from mamlrl.learners.gradient_meta_learner import GradientMetaLearner
from mamlrl.learners.learner import Learner
from mamlrl.learners.policy import MetaLearner
from mamlrl.learners.supervised import SupervisedLearner
from mamlrl.settings.choices import Registry

# experiment of the kind -> learner
LEARNERS: Registry[Callable[[Any], Learner]] = Registry(
    "learner", {"policy": MetaLearner, "supervised": SupervisedLearner}
)


def make_learner(config: Experiment) -> Learner:
    """Builds the learner of an experiment.

    Raises:
        UserError: If something that the experiment needs is not available, or settings do not fit.
    """
    check_kind(config)
    return LEARNERS.choose("kind:", config.kind)(config)


def make_gradient_meta_learner(config: GradientExperiment) -> GradientMetaLearner:
    """Builds the learner of an experiment that has an inner loop and differentiates it.

    Raises:
        UserError: See `make_learner`; or if the learner of the kind takes no meta-gradients.
    """
    learner = make_learner(config)
    if not isinstance(learner, GradientMetaLearner):
        raise UserError(f"kind: the learner of kind {config.kind} takes no meta-gradients")
    return learner
