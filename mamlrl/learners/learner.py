"""What meta-learners have in common: parameters, an estimator, an outer optimizer, and state to go on from."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

import numpy as np
import torch

from mamlrl.adaptation.build import make_estimator
from mamlrl.errors import UserError
from mamlrl.experiments.experiment import Config
from mamlrl.losses.derivatives import warn_of_surplus_iterations
from mamlrl.networks.network import Network
from mamlrl.outer.optimizer import make_outer_optimizer
from mamlrl.runs.metrics_file import Metrics


class Learner(ABC):
    """Meta-trains a network.

    Args:
        config: The experiment.
        network: Whose initial parameters are learned.
        device: Where it runs.

    Attributes:
        estimator: The rule of the inner loop.
        optimizer: What improves the meta-parameters.
        params: Meta-parameters, shape (P + R,): the network's, and those of the inner loop's rule.
        iteration: Meta-iterations done.
        best_score: Best score in any report.
    """

    def __init__(self, config: Config, network: Network, device: torch.device) -> None:
        self.config = config
        self.device = device
        self.rng = np.random.default_rng(config.seed)
        self.generator = torch.Generator(device).manual_seed(config.seed)
        self.estimator = make_estimator(config.adaptation, network)
        self.params = self.estimator.init(network.init(self.generator))
        self.optimizer = make_outer_optimizer(config, network.distribution, self.params)
        if config.outer_optimizer == "trust_region":
            key = "trust_region.cg_iterations"
            warn_of_surplus_iterations(key, config.trust_region.cg_iterations, len(self.params))
        self.iteration = 0
        self.best_score = -np.inf

    def iterate(self) -> Metrics:
        """Runs one meta-iteration and reports on it."""
        self.advance()
        return self.report()

    @abstractmethod
    def advance(self) -> None:
        """Runs one meta-iteration."""

    @abstractmethod
    def report(self) -> Metrics:
        """Returns the metrics after the last meta-iteration; `NAME/step_k` is the mean after k inner steps."""

    @abstractmethod
    def score(self, metrics: Metrics) -> float:
        """Returns how good the reported meta-parameters are: higher is better."""

    @abstractmethod
    def reported_state(self) -> dict[str, Any]:
        """Returns the state with the meta-parameters that the last report's score is of."""

    def state_dict(self) -> dict[str, Any]:
        """Returns everything that the rest of a run depends on, of types that load without running code."""
        return {
            "params": self.params.cpu(),
            "optimizer": self.optimizer.state_dict(),
            "rng": self.rng.bit_generator.state,
            "generator": self.generator.get_state(),
            "iteration": self.iteration,
            "best_score": float(self.best_score),
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restores what `state_dict` returned.

        Raises:
            UserError: If the state is not of this learner.
        """
        self.estimator.check_fits(state["params"])
        try:
            self._restore(state)
        except (KeyError, TypeError, ValueError, RuntimeError, AttributeError) as error:
            raise UserError(f"its state is damaged: {error!r}") from None

    def _restore(self, state: dict[str, Any]) -> None:
        """Restores a state; raises what Python raises if it is damaged."""
        self.params = state["params"].to(self.device)
        self.optimizer.load_state_dict({name: x.to(self.device) for name, x in state["optimizer"].items()})
        self.rng.bit_generator.state = state["rng"]
        self.generator.set_state(state["generator"].cpu())
        self.iteration = int(state["iteration"])
        self.best_score = float(state["best_score"])
