"""What runs left on disk, to use again."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from numpy.typing import NDArray

from mamlrl._version import __version__
from mamlrl.errors import UserError
from mamlrl.evaluation.build import evaluate
from mamlrl.evaluation.evaluation import Evaluation
from mamlrl.experiments.experiment import Experiment
from mamlrl.files import AnyPath
from mamlrl.runs.checkpoints import load_checkpoint
from mamlrl.runs.published import close_names, published_checkpoint, published_names


def latest_checkpoint(folder: AnyPath) -> Path:
    """Returns the path of the checkpoint after the last meta-iteration."""
    return Path(folder) / "checkpoints" / "latest.pt"


def best_checkpoint(folder: AnyPath) -> Path:
    """Returns the path of the meta-parameters that scored best after adaptation."""
    return Path(folder) / "checkpoints" / "best.pt"


def kept_checkpoint(folder: AnyPath, iteration: int) -> Path:
    """Returns the path of the checkpoint that `checkpoint_every` keeps of a meta-iteration."""
    return Path(folder) / "checkpoints" / f"iteration_{iteration}.pt"


def find_checkpoint(where: AnyPath) -> Path:
    """Returns the file of a checkpoint.

    Args:
        where: The file, a run folder, whose latest checkpoint is taken, or the name of a published checkpoint,
            where there is neither a file nor a folder of that name.

    Raises:
        UserError: If there is none; the message lists close names of published checkpoints.
    """
    path, name = Path(where), os.fspath(where)
    if os.path.isdir(path):
        return latest_checkpoint(path)
    if os.path.isfile(path):
        return path
    if name in published_names():
        return published_checkpoint(name)
    raise UserError(f"no checkpoint at {path}{close_names(name)}")


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
    def load(cls, path: AnyPath, objects: Mapping[str, Any] | None = None) -> Self:
        """Reads a checkpoint, the latest one of a run folder, or a published one.

        The one that scored best, `checkpoints/best.pt`, must be named: without `evaluation.every`, a policy's
        score is the return of a single meta-batch, and tells more of the batch's luck than of the policy.

        Args:
            path: See `find_checkpoint`.
            objects: See `load_checkpoint`.

        Raises:
            UserError: See `load_checkpoint`; the message lists close names of published checkpoints.
        """
        file = find_checkpoint(path)
        return cls(file, *load_checkpoint(file, objects))

    def evaluate(self, experiment: Experiment, tasks: Sequence[Any] | NDArray[Any] | None = None) -> Evaluation:
        """Evaluates its parameters.

        Args:
            experiment: Experiment of the same kind; `experiment.evaluation` says what to evaluate.
            tasks: Tasks to evaluate on, rather than held-out ones that are drawn: the parameters of each.

        Raises:
            UserError: If they cannot be evaluated, or were trained on what they would be evaluated on; the message
                names the file.
        """
        try:
            return evaluate(experiment, self.state["params"], tasks, self.state)
        except UserError as error:
            raise UserError(f"{self.path}: {error}") from error

    def record(self, evaluation: Evaluation) -> dict[str, Any]:
        """Returns what files hold of an evaluation of its parameters, of plain types."""
        return {
            "mamlrl_version": __version__,
            "checkpoint": str(self.path),
            "iteration": self.state["iteration"],
            "seed": evaluation.experiment.seed,
            "evaluation_seed": evaluation.experiment.evaluation.seed,
            "step_scales": evaluation.step_scales,
            "metric": evaluation.metric,
            **evaluation.protocol(),
            "steps": evaluation.summary(),
        }
