"""What runs left on disk, to use again."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from mamlrl.errors import UserError
from mamlrl.evaluation.build import evaluate
from mamlrl.evaluation.evaluation import Evaluation
from mamlrl.experiments.experiment import Experiment
from mamlrl.files import AnyPath
from mamlrl.runs.checkpoints import load_checkpoint


def latest_checkpoint(folder: AnyPath) -> Path:
    """Returns the path of the checkpoint after the last meta-iteration."""
    return Path(folder) / "checkpoints" / "latest.pt"


def best_checkpoint(folder: AnyPath) -> Path:
    """Returns the path of the meta-parameters that scored best after adaptation."""
    return Path(folder) / "checkpoints" / "best.pt"


def kept_checkpoint(folder: AnyPath, iteration: int) -> Path:
    """Returns the path of the checkpoint that `checkpoint_every` keeps of a meta-iteration."""
    return Path(folder) / "checkpoints" / f"iteration_{iteration}.pt"


@dataclass(frozen=True)
class SavedRun:
    """A checkpoint that was read.

    Attributes:
        path: File of the checkpoint.
        experiment: Experiment that was trained.
        state: The learner's state, with `params` and `iteration`.
    """

    path: Path
    experiment: Experiment
    state: dict[str, Any]

    @classmethod
    def load(cls, path: AnyPath) -> Self:
        """Reads a checkpoint, or the latest one of a run folder.

        The one that scored best, `checkpoints/best.pt`, must be named: a policy's score is the return of a single
        meta-batch, so that the best score tells more of the batch's luck than of the policy.

        Raises:
            UserError: See `load_checkpoint`.
        """
        path = Path(path)
        file = latest_checkpoint(path) if os.path.isdir(path) else path
        return cls(file, *load_checkpoint(file))

    def evaluate(self, experiment: Experiment) -> Evaluation:
        """Evaluates its parameters.

        Args:
            experiment: Experiment of the same kind; `experiment.evaluation` says what to evaluate.

        Raises:
            UserError: If they cannot be evaluated, or were trained on what they would be evaluated on; the message
                names the file.
        """
        try:
            evaluation = evaluate(experiment, self.state["params"])
            evaluation.check_held_out(self.state)
            return evaluation
        except UserError as error:
            raise UserError(f"{self.path}: {error}") from error
