"""Evaluations by kind of experiment."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from torch import Tensor

from mamlrl.evaluation.evaluation import Evaluation
from mamlrl.evaluation.policy import evaluate_policy
from mamlrl.evaluation.supervised import evaluate_supervised
from mamlrl.experiments.build import check_kind
from mamlrl.experiments.experiment import Experiment
from mamlrl.settings.choices import Registry

# (experiment of the kind, meta-parameters) -> evaluation
EVALUATIONS: Registry[Callable[[Any, Tensor], Evaluation]] = Registry(
    "evaluation", {"policy": evaluate_policy, "supervised": evaluate_supervised}
)


def evaluate(config: Experiment, params: Tensor) -> Evaluation:
    """Adapts meta-parameters to held-out tasks.

    Args:
        config: The experiment; `config.evaluation` says what to evaluate.
        params: Meta-parameters, shape (P + R,).

    Raises:
        UserError: If the parameters do not fit, or something that the experiment needs is not available.
    """
    check_kind(config)
    return EVALUATIONS.choose("kind:", config.kind)(config, params)
