"""Where training begins: at the checkpoint of a run to continue, or at the parameters of another experiment."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from mamlrl.console import note
from mamlrl.errors import UserError
from mamlrl.experiments.build import extends
from mamlrl.experiments.differences import MAY_CHANGE_ON_RESUME, OF_THE_MACHINE, differences
from mamlrl.experiments.experiment import Experiment
from mamlrl.learners.learner import Learner
from mamlrl.runs.checkpoints import load_checkpoint
from mamlrl.runs.saved import SavedRun, latest_checkpoint

SHAPES = ("hidden_sizes", "context_size", "architecture", "learned_step_size", "normalize_observations")


def restore(learner: Learner, folder: Path) -> dict[str, Any]:
    """Puts a learner where the last checkpoint of a run is, and says on stderr what of the machine has changed.

    Returns:
        The state in the checkpoint.

    Raises:
        UserError: If there is none that can be read, or it is of another experiment.
    """
    path = latest_checkpoint(folder)
    saved, state = load_checkpoint(path)
    changes = _changes(saved, learner.config)
    done = state["iteration"]
    if learner.config.iterations < done:
        raise UserError(
            f"iterations: the run to resume has done {done} already, more than {learner.config.iterations}"
        )
    try:
        learner.load_state_dict(state)
    except UserError as error:
        raise UserError(f"{path}: {error}") from error
    for key, before, now in changes:
        note(
            f"mamlrl: {key} was {before} and is {now}; after iteration {done}, numbers may differ "
            "from those of a run in which it stayed the same"
        )
    return state


def _changes(saved: Experiment, config: Experiment) -> list[tuple[str, Any, Any]]:
    """Returns key, value before and value now of what belongs to the machine and has changed.

    Raises:
        UserError: If something else has changed that may not.
    """
    if saved.kind != config.kind:
        raise UserError(f"kind: the run to resume is of kind {saved.kind}, not {config.kind}")
    changes = []
    for key, before, now in differences(saved, config):
        if key in OF_THE_MACHINE:
            changes.append((key, before, now))
        elif key.startswith("evaluation.") and (_validates(saved) or _validates(config)):
            raise UserError(
                f"{key}: the run to resume has {before}, not {now}; where evaluation.every chooses best.pt, it "
                "must stay the same"
            )
        elif key.partition(".")[0] not in MAY_CHANGE_ON_RESUME:
            raise UserError(
                f"{key}: the run to resume has {before}, not {now}; "
                f"only {', '.join(MAY_CHANGE_ON_RESUME)} may change on --resume"
            )
    return changes


def _validates(config: Experiment) -> bool:
    return getattr(config.evaluation, "every", 0) > 0


def take_parameters(learner: Learner, source: Path) -> None:
    """Gives a learner the parameters of a checkpoint, and nothing else of it.

    Args:
        learner: A new learner.
        source: A checkpoint, or a run folder, whose latest checkpoint is taken.

    Raises:
        UserError: If it cannot be read, or its parameters are of other shapes.
    """
    saved = SavedRun.load(source)
    try:
        _check_shapes(saved, learner)
        learner.take_parameters(saved.state)
    except UserError as error:
        raise UserError(f"init_from {saved.path}: {error}") from error


def _check_shapes(saved: SavedRun, learner: Learner) -> None:
    """Raises a UserError that names a setting that shapes parameters otherwise, though as many of them."""
    before, now = saved.experiment.kind, learner.config.kind
    if not (extends(before, now) or extends(now, before)):
        raise UserError(f"kind: the checkpoint is of kind {before}, not {now}")
    for key, before, now in differences(saved.experiment, learner.config):
        if key.rpartition(".")[2] in SHAPES:
            raise UserError(f"{key}: the checkpoint has {before}, not {now}")
