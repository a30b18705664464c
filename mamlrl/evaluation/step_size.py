"""Fine-tuning step sizes, chosen on validation tasks and never on those that results are of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from math import isfinite
from typing import Any

import numpy as np
from torch import Tensor

from mamlrl.errors import RunError, UserError
from mamlrl.evaluation.build import evaluate
from mamlrl.experiments.experiment import VALIDATION_SEED, Experiment

VALIDATION_TASKS = 40


@dataclass(frozen=True)
class StepSizeChoice:
    """A step size and what it was chosen by.

    Attributes:
        step_size: The best, for `evaluation.first_step_size`.
        scores: Score of each step size that was tried, see `Evaluation.scores`: the mean over tasks, numbers of
            steps from 1 on, and parameters; None where adaptation diverged.
        tasks: Number of validation tasks.
        seed: Seed of the validation tasks and of what is sampled in them.
    """

    step_size: float
    scores: dict[float, float | None]
    tasks: int = VALIDATION_TASKS
    seed: int = VALIDATION_SEED

    def plain(self) -> dict[str, Any]:
        """Returns the choice as JSON holds it."""
        return {**asdict(self), "scores": {f"{size:g}": score for size, score in self.scores.items()}}


def with_step_size(config: Experiment, step_size: float) -> Experiment:
    """Returns an experiment with the first step size of its evaluation replaced."""
    return replace(config, evaluation=replace(config.evaluation, first_step_size=step_size))


def choose_step_size(
    config: Experiment,
    params: Sequence[Tensor],
    step_sizes: Sequence[float],
    num_tasks: int = VALIDATION_TASKS,
    states: Sequence[Mapping[str, Any]] | None = None,
) -> StepSizeChoice:
    """Chooses the step size of fine-tuning on validation tasks, as `evaluation` would adapt to them.

    Validation tasks of policies are drawn from the distribution to train on, with a seed of their own; those of
    supervised experiments are of classes that are neither for training nor for testing, where there are classes.

    Args:
        config: The experiment; `config.evaluation` says how many steps there are.
        params: Meta-parameters, each of shape (P + R,), such as those of runs that differ in their seed.
        step_sizes: What to choose from.
        num_tasks: Number of validation tasks.
        states: States of the learners that trained the parameters, see `evaluate`.

    Raises:
        UserError: If there is nothing to choose, the validation tasks would be those of the evaluation, adaptation
            diverges with every step size, or see `evaluate`.

    Example:
        >>> from mamlrl import choose_step_size, load_checkpoint
        >>> from mamlrl.runs.published import published_checkpoint
        >>> config, state = load_checkpoint(published_checkpoint("sinusoid"))
        >>> choose_step_size(config, [state["params"]], [1e-4, 0.01]).step_size
        0.01
    """
    _check(config, step_sizes)
    config = replace(config, evaluation=config.evaluation.on_validation_tasks(num_tasks))
    pairs = list(zip(params, states, strict=True)) if states else [(each, None) for each in params]
    scores = {size: _score(with_step_size(config, size), pairs) for size in step_sizes}
    finite = {size: score for size, score in scores.items() if score is not None}
    if not finite:
        tried = ", ".join(f"{size:g}" for size in scores)
        raise UserError(f"step_sizes: adaptation diverges with each of {tried}; try smaller ones")
    return StepSizeChoice(max(finite, key=lambda size: finite[size]), scores, num_tasks)


def _check(config: Experiment, step_sizes: Sequence[float]) -> None:
    if not step_sizes or len(set(step_sizes)) < len(step_sizes) or min(step_sizes) < 0:
        raise UserError(f"step_sizes: must be different numbers of at least 0, got {list(step_sizes)}")
    if config.evaluation.steps == 0:
        raise UserError("evaluation.steps: without steps, there is no step size to choose; take at least 1")


def _score(config: Experiment, runs: Sequence[tuple[Tensor, Mapping[str, Any] | None]]) -> float | None:
    """The mean score after 1 step and more, of parameters and states; None if adaptation diverges."""
    try:
        scores = [evaluate(config, each, state=state, validation=True).scores()[1:] for each, state in runs]
    except RunError:
        return None
    score = float(np.mean(scores))
    return score if isfinite(score) else None
