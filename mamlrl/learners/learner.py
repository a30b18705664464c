"""What all learners have in common: parameters that improve, reports on them, and state to go on from."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from mamlrl.distributed.team import size
from mamlrl.errors import UserError
from mamlrl.experiments.experiment import Experiment
from mamlrl.finite import check_finite
from mamlrl.metric_names import Metrics
from mamlrl.randomness import Randomness


@dataclass(frozen=True)
class Report:
    """The outcome of a meta-iteration.

    Attributes:
        metrics: Metrics by name, the iteration first, see `metric_names`. `METRIC/step_k` is a mean over tasks
            after k adaptation steps; programs show the first metric that has `METRIC/step_0`. There must be one.
        score: How good the parameters of the state are; higher is better, minus infinity stands for unknown.
        state: The learner's state with the parameters that the score is of.
        absent: Names of metrics that are measured in other meta-iterations, and not in this one.
    """

    metrics: Metrics
    score: float
    state: dict[str, Any]
    absent: tuple[str, ...] = ()


class Learner(ABC):
    """Improves parameters, one meta-iteration after the other.

    Args:
        config: The experiment.
        device: Where it runs.
        randomness: Source of everything random in it.

    Attributes:
        params: What is learned, shape (P,); of gradient-based meta-learners, the meta-parameters theta.
        iteration: Meta-iterations done.
        best_score: Best score of any report that was recorded.
    """

    params: Tensor

    def __init__(self, config: Experiment, device: torch.device, randomness: Randomness) -> None:
        self.config = config
        self.device = device
        self.randomness = randomness
        self.iteration = 0
        self.best_score = -np.inf

    @abstractmethod
    def step(self) -> None:
        """Runs one meta-iteration."""

    @abstractmethod
    def report(self) -> Report:
        """Reports on the last meta-iteration; where that takes measurements, they are made now."""

    def summary(self) -> dict[str, str]:
        """Returns what is trained, in words for people, such as `{"device": "cpu"}`; subclasses add to it."""
        processes = {"processes": str(size())} if size() > 1 else {}
        return {"parameters": f"{len(self.params):,}", "device": str(self.device), **processes}

    def iterate(self) -> Metrics:
        """Runs one meta-iteration and returns its metrics."""
        self.step()
        return self.report().metrics

    def take_parameters(self, state: dict[str, Any]) -> None:
        """Takes the parameters of another run's state, and nothing else of it.

        Raises:
            UserError: If they cannot be taken.
        """
        self.check_fits(state["params"])
        self.params = state["params"].to(self.device)

    @abstractmethod
    def check_fits(self, params: Tensor) -> None:
        """Raises a UserError if parameters are not those of this learner's experiment."""

    def state_dict(self) -> dict[str, Any]:
        """Returns everything that the rest of a run depends on, of types that load without running code.

        Raises:
            LearningError: If it is not finite, so that there is nothing to go on from.
        """
        check_finite(f"iteration {self.iteration}: a parameter", self.params)
        return {
            "params": self.params.cpu(),
            **self.randomness.state_dict(),
            "iteration": self.iteration,
            "best_score": float(self.best_score),
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restores what `state_dict` returned.

        Raises:
            UserError: If the state is not of this learner.
        """
        self.check_fits(state["params"])
        try:
            self._restore(state)
        except (KeyError, TypeError, ValueError, RuntimeError, AttributeError) as error:
            reason = f"it lacks {error}" if isinstance(error, KeyError) else " ".join(str(error).split())
            raise UserError(f"its state is damaged: {reason}") from error

    def _restore(self, state: dict[str, Any]) -> None:
        """Restores a state; raises what Python raises if it is damaged."""
        self.params = state["params"].to(self.device)
        self.randomness.load_state_dict(state)
        self.iteration = int(state["iteration"])
        self.best_score = float(state["best_score"])
