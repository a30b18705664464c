"""Learners by kind of experiment."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from mamlrl.errors import UserError
from mamlrl.evaluation.build import EVALUATIONS
from mamlrl.evaluation.evaluation import Evaluation
from mamlrl.experiments.build import KINDS, check_kind
from mamlrl.experiments.experiment import Experiment, GradientExperiment
from mamlrl.learners.classifier import ClassifierLearner
from mamlrl.learners.gradient_meta_learner import GradientMetaLearner
from mamlrl.learners.learner import Learner
from mamlrl.learners.policy import MetaLearner
from mamlrl.learners.supervised import SupervisedLearner
from mamlrl.settings.choices import Registry

# experiment of the kind -> learner
LEARNERS: Registry[Callable[[Any], Learner]] = Registry(
    "learner", {"policy": MetaLearner, "supervised": SupervisedLearner, "classifier": ClassifierLearner}
)


def register_learner(
    kind: str,
    experiment: type[Experiment],
    learner: Callable[[Any], Learner],
    evaluation: Callable[..., Evaluation] | None = None,
) -> None:
    """Makes a kind of learner usable by name, as `kind`.

    Args:
        kind: The name, without a colon.
        experiment: The settings that the kind has; `kind` is their default of that name.
        learner: Makes a learner from them, such as its class.
        evaluation: Evaluates meta-parameters, such as `evaluate_policy`; without it, `evaluate` refuses the kind.

    Raises:
        ValueError: If the name is taken.
    """
    KINDS.register(kind, experiment)
    LEARNERS.register(kind, learner)
    if evaluation is not None:
        EVALUATIONS.register(kind, evaluation)


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
