"""What runs left on disk, to use again."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from mamlrl.errors import UserError
from mamlrl.evaluation.build import evaluate
from mamlrl.evaluation.evaluation import Evaluation
from mamlrl.experiments.experiment import Experiment
from mamlrl.runs.checkpoints import load_checkpoint


def latest_checkpoint(folder: Path) -> Path:
    """Returns the path of the checkpoint after the last meta-iteration."""
    return folder / "checkpoints" / "latest.pt"


def best_checkpoint(folder: Path) -> Path:
    """Returns the path of the meta-parameters that scored best after adaptation."""
    return folder / "checkpoints" / "best.pt"


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
    def load(cls, path: Path) -> Self:
        """Reads a checkpoint, or the best one of a run folder.

        Raises:
            UserError: See `load_checkpoint`.
        """
        file = best_checkpoint(path) if path.is_dir() else path
        return cls(file, *load_checkpoint(file))

    def evaluate(self, experiment: Experiment) -> Evaluation:
        """Evaluates its parameters.

        Args:
            experiment: Experiment of the same kind; `experiment.evaluation` says what to evaluate.

        Raises:
            UserError: If they cannot be evaluated; the message names the file.
        """
        try:
            return evaluate(experiment, self.state["params"])
        except UserError as error:
            raise UserError(f"{self.path}: {error}") from error
