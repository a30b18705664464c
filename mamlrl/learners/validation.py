"""Evaluation on validation tasks during training: what is measured, and when."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from mamlrl.distributed.metrics import of_all_tasks
from mamlrl.distributed.team import share_if_enough
from mamlrl.errors import UserError
from mamlrl.evaluation.policy import PolicyEvaluator
from mamlrl.experiments.policy import PolicyExperiment
from mamlrl.inner_loops.suspects import blamed
from mamlrl.metric_names import RETURN, SECONDS, VALIDATION, Metrics, after_step, over_tasks, spread
from mamlrl.timing import seconds_of


class Validation:
    """Evaluates a policy on validation tasks, the same tasks and random numbers every time.

    Nothing is remembered from one time to the next, and nothing random is shared with training: the curve is the
    same with it and without it, and a resumed run measures what an uninterrupted one does. Several processes share
    the tasks, if there are enough.

    Args:
        config: The experiment; `config.evaluation.every` is above 0.

    Attributes:
        names: Names of everything that is measured.

    Raises:
        UserError: If rows of metrics are not written as often, the validation tasks would be those of evaluations,
            or the environment is not available.
    """

    def __init__(self, config: PolicyExperiment) -> None:
        self._config, self._every = config, config.evaluation.every
        if self._every % config.save_every:
            raise UserError(
                f"evaluation.every: must be a multiple of save_every, {config.save_every}, got {self._every}"
            )
        settings = config.evaluation.on_validation_tasks(config.evaluation.validation_tasks)
        self._share = share_if_enough(settings.tasks)
        self._evaluator = PolicyEvaluator(replace(config, evaluation=settings), True, self._share)
        self._score = VALIDATION + after_step(RETURN, min(config.adaptation.steps, settings.steps))
        nothing = [torch.zeros(2)] * (settings.steps + 1)
        values = dict.fromkeys([RETURN, *config.env.info], nothing)
        self.names = (*_named(values), f"{SECONDS}validation")

    def is_due(self, iteration: int) -> bool:
        """Whether to measure after a meta-iteration."""
        return iteration % self._every == 0

    def measure(self, state: Mapping[str, Any]) -> tuple[Metrics, float]:
        """Adapts meta-parameters to the validation tasks.

        Args:
            state: State of the learner.

        Returns:
            The metrics, and the score to choose by: the return after as many steps as in training, or after all.

        Raises:
            RunError: See `PolicyEvaluator.evaluate`.
        """
        measured: Metrics = {}
        params: Tensor = state["params"]

        def evaluate() -> None:
            evaluation = self._evaluator.evaluate(params, state=state)
            values = {name: list(map(torch.from_numpy, steps)) for name, steps in evaluation.metrics.items()}
            measured.update(_named(of_all_tasks(values, self._share)))

        with blamed(self._config, f"validation after iteration {state['iteration']}: ", evaluating=True):
            measured[f"{SECONDS}validation"] = seconds_of(evaluate, params.device)
        return {name: measured[name] for name in self.names}, measured[self._score]


def _named(values: dict[str, list[Tensor]]) -> Metrics:
    metrics = {**over_tasks(values), **spread(values[RETURN])}
    return {f"{VALIDATION}{name}": value for name, value in metrics.items()}
