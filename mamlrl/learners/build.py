"""What a config asks for: reinforcement learning, or supervised learning where it names a data set."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from typing import Any

from torch import Tensor

from mamlrl.errors import UserError
from mamlrl.evaluation.evaluation import Evaluation
from mamlrl.evaluation.policy import evaluate_policy
from mamlrl.evaluation.supervised import evaluate_supervised
from mamlrl.experiments.experiment import Config
from mamlrl.learners.learner import Learner
from mamlrl.learners.policy import MetaLearner
from mamlrl.learners.supervised import SupervisedLearner

SUPERVISED_ONLY = ("data", "evaluation.shots", "evaluation.queries", "compile")
POLICIES_ONLY = (
    "env",
    "sampling",
    "advantages",
    "trust_region",
    "promp",
    "policy.initial_std",
    "policy.min_std",
    "adaptation.loss",
    "evaluation.episodes_per_task",
)


def make_learner(config: Config) -> Learner:
    """Builds the learner of an experiment.

    Raises:
        UserError: If a setting does not apply, or something that the experiment needs cannot be had.
    """
    _check_settings_apply(config)
    return SupervisedLearner(config) if is_supervised(config) else MetaLearner(config)


def evaluate(config: Config, params: Tensor) -> Evaluation:
    """Adapts meta-parameters to held-out tasks.

    Args:
        config: The experiment; `config.evaluation` says what to evaluate.
        params: Meta-parameters, shape (P + R,).

    Raises:
        UserError: If a setting does not apply, the parameters do not fit, or something cannot be had.
    """
    _check_settings_apply(config)
    return evaluate_supervised(config, params) if is_supervised(config) else evaluate_policy(config, params)


def is_supervised(config: Config) -> bool:
    """Whether an experiment is on a data set."""
    return config.data.dataset != "none"


def _check_settings_apply(config: Config) -> None:
    """Raises a UserError for a setting of the other kind of learning that is not left at its default."""
    unused = POLICIES_ONLY if is_supervised(config) else SUPERVISED_ONLY
    defaults = dict(_values(Config()))
    for name, value in _values(config):
        if value != defaults[name] and name.startswith(unused):
            raise UserError(
                f"{name} does not apply with data.dataset {config.data.dataset}; leave it at {defaults[name]}"
            )


def _values(part: Any, prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Dotted name and value of every setting."""
    for item in fields(part):
        value = getattr(part, item.name)
        if is_dataclass(value):
            yield from _values(value, f"{prefix}{item.name}.")
        else:
            yield f"{prefix}{item.name}", value
