"""What was meta-trained, with the inner steps taken so far."""

from __future__ import annotations

from dataclasses import dataclass, replace
from numbers import Integral
from typing import Any, Self

import torch
from torch import Tensor

from mamlrl.adaptation.estimator import Estimator
from mamlrl.errors import UserError
from mamlrl.evaluation.evaluation import evaluation_estimator
from mamlrl.experiments.experiment import GradientExperiment
from mamlrl.files import AnyPath
from mamlrl.inner_loops.suspects import blamed
from mamlrl.losses.task_losses import TaskLosses
from mamlrl.networks.network import Network
from mamlrl.runs.checkpoints import save_checkpoint
from mamlrl.runs.saved import SavedRun

KEY = "adapted"  # of a checkpoint's state


@dataclass(frozen=True, eq=False, repr=False)
class Adaptive:
    """A meta-trained network, and its parameters after the inner steps taken so far.

    Attributes:
        saved: The checkpoint that it was loaded from.
        network: The network.
        params: Its parameters, shape (P,): those of the checkpoint, adapted.
        steps: Inner steps taken.
    """

    saved: SavedRun
    network: Network
    params: Tensor
    steps: int

    def __repr__(self) -> str:
        """Names the checkpoint and the steps taken; parameters would fill pages."""
        return f"{type(self).__name__}({str(self.saved.path)!r}, steps={self.steps})"

    @property
    def experiment(self) -> GradientExperiment:
        """The experiment that was trained."""
        assert isinstance(self.saved.experiment, GradientExperiment)
        return self.saved.experiment

    def save(self, path: AnyPath) -> None:
        """Writes a checkpoint that `mamlrl.load` reads.

        It holds the meta-parameters, too: all other programs take those and know nothing of the steps taken, so
        that `mamlrl evaluate` of the file is that of the checkpoint that was loaded.

        Args:
            path: File to write.

        Raises:
            UserError: If it cannot be written.
        """
        adapted = {"params": self.params, "steps": self.steps}
        save_checkpoint(path, self.experiment, {**self.saved.state, KEY: adapted})

    def _descended(self, losses: TaskLosses, estimator: Estimator) -> Self:
        """Returns it after one more inner step, on the losses of one task."""
        _, rule_params = estimator.split(self.saved.state["params"])
        with blamed(self.experiment, evaluating=True):
            start = torch.cat([self.params, rule_params])
            adaptation = estimator.adapt(start, 1, lambda step, phi: losses)
            adaptation.check_finite()
        return replace(self, params=adaptation.phi[0].clone(), steps=self.steps + 1)

    def _estimator(self) -> Estimator:
        """The inner loop's estimator for the next step alone, its step size as in an evaluation."""
        return step_estimator(self.experiment, self.network, self.steps)


def step_estimator(experiment: GradientExperiment, network: Network, steps: int) -> Estimator:
    """Returns the estimator of one step of an evaluation: the one after some steps."""
    settings = replace(experiment.evaluation, steps=min(steps, 1) + 1)  # all steps after the first are alike
    estimator = evaluation_estimator(settings, experiment.adaptation, network)
    return replace(estimator, scales=estimator.scales[-1:])


def adapted_so_far(saved: SavedRun, network: Network) -> dict[str, Any]:
    """Returns `params` and `steps` of a checkpoint, those of its meta-parameters if nothing was adapted.

    Args:
        saved: The checkpoint.
        network: Its network.

    Raises:
        UserError: If the network does not fit, or the checkpoint is damaged.
    """
    assert isinstance(saved.experiment, GradientExperiment)
    estimator = step_estimator(saved.experiment, network, 0)
    theta = saved.state["params"]
    try:
        estimator.check_fits(theta)
    except UserError as error:
        raise UserError(f"{saved.path}: {error}") from error
    params = estimator.split(theta)[0].clone()
    adapted = saved.state.get(KEY, {"params": params, "steps": 0})
    if not isinstance(adapted, dict) or not _fits(params, adapted.get("params"), adapted.get("steps")):
        raise UserError(
            f"{saved.path} is a damaged checkpoint: its adapted parameters cannot be used; use another copy, or "
            "adapt again"
        )
    return {"params": adapted["params"], "steps": adapted["steps"]}


def check_count(name: str, value: Any) -> None:
    """Raises a UserError for an argument, such as `steps`, that is not a whole number from 1."""
    if isinstance(value, bool) or not isinstance(value, Integral) or value < 1:
        raise UserError(f"adapt: {name} must be a whole number from 1, got {value!r}")


def _fits(params: Tensor, adapted: Any, steps: Any) -> bool:
    fits = torch.is_tensor(adapted) and adapted.shape == params.shape and adapted.dtype == params.dtype
    return fits and bool(adapted.isfinite().all()) and type(steps) is int and steps >= 0
