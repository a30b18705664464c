"""Evaluations by kind of experiment."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from numpy.typing import NDArray
from torch import Tensor

from mamlrl.evaluation.evaluation import Evaluation
from mamlrl.evaluation.policy import evaluate_policy
from mamlrl.evaluation.supervised import evaluate_supervised
from mamlrl.experiments.build import check_kind
from mamlrl.experiments.experiment import Experiment
from mamlrl.settings.choices import Registry

# (experiment of the kind, meta-parameters) -> evaluation; other arguments of `evaluate` are keywords, if given
EVALUATIONS: Registry[Callable[..., Evaluation]] = Registry(
    "evaluation",
    {"policy": evaluate_policy, "supervised": evaluate_supervised, "classifier": evaluate_supervised},
)


def evaluate(
    config: Experiment,
    params: Tensor,
    tasks: Sequence[Any] | NDArray[Any] | None = None,
    state: Mapping[str, Any] | None = None,
    validation: bool = False,
) -> Evaluation:
    """Adapts meta-parameters to held-out tasks.

    Args:
        config: The experiment; `config.evaluation` says what to evaluate.
        params: Meta-parameters, shape (P + R,).
        tasks: Tasks to evaluate on, rather than held-out ones that are drawn: the parameters of each.
        state: State of the learner that trained the parameters: needed where policies see normalised observations,
            and if evaluations on what it trained on are to be refused, see `check_not_trained_on`.
        validation: Whether to draw tasks to choose settings by, rather than to judge by, see `choose_step_size`.

    Raises:
        UserError: If the parameters or the tasks do not fit, they were trained on what they would be evaluated on,
            or something that the experiment needs is not available.

    Example:
        >>> from mamlrl import evaluate, load_checkpoint
        >>> from mamlrl.runs.published import published_checkpoint
        >>> config, state = load_checkpoint(published_checkpoint("navigation2d"))
        >>> evaluate(config, state["params"], tasks=[[0.3, -0.2], [0.1, 0.4]]).returns.shape
        (5, 2)
    """
    check_kind(config)
    given: dict[str, Any] = {"tasks": tasks, "state": state, "validation": validation or None}
    given = {name: value for name, value in given.items() if value is not None}
    return EVALUATIONS.choose("kind:", config.kind)(config, params, **given)
