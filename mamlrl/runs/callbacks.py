"""What others do while a run trains: told of its start, of every meta-iteration, of checkpoints and of its end."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from mamlrl.console import note
from mamlrl.errors import FOREIGN_ERRORS, RunError, UserError, one_line
from mamlrl.learners.learner import Learner
from mamlrl.metric_names import Metrics


class CallbackError(RunError):
    """A callback raised an error; the message names the callback and its method."""


class Callback:
    """What a run tells others, in the thread that trains; subclasses override what they want to know.

    A method that raises stops the run with a CallbackError; the last checkpoint is kept.

    Example:
        >>> class Patience(Callback):
        ...     def on_iteration(self, learner, metrics):
        ...         return metrics.get("return/step_1", float("-inf")) > 100  # good enough: stop
    """

    def on_start(self, learner: Learner, folder: Path) -> None:
        """Training begins, or is resumed.

        Args:
            learner: The learner; `learner.iteration` meta-iterations are done.
            folder: Folder of the run.
        """

    def on_iteration(self, learner: Learner, metrics: Metrics) -> bool | None:
        """A meta-iteration is done, and its checkpoints are written.

        Args:
            learner: The learner.
            metrics: The row that was written to `metrics.csv`, in every `save_every`-th iteration and the last;
                empty in the others, in which nothing is measured. In every `evaluation.every`-th, it has
                `validation/return/step_1` and so on, too.

        Returns:
            Whether to stop; a checkpoint of this iteration is then written, and the run can be resumed.
        """

    def on_checkpoint(self, path: Path) -> None:
        """A checkpoint was written: `latest.pt`, `best.pt`, or one that `checkpoint_every` keeps.

        Args:
            path: Its file.
        """

    def on_end(self, learner: Learner) -> None:
        """Training is complete, or was stopped by a signal or a callback; the last checkpoint is written.

        Args:
            learner: The learner; `learner.config.iterations` tells whether it is complete.
        """

    def on_error(self, error: BaseException) -> None:
        """Training ended by an error, perhaps one of another callback; `on_end` is not called.

        Args:
            error: The error.
        """


def check_callbacks(callbacks: Sequence[Callback]) -> tuple[Callback, ...]:
    """Returns the callbacks.

    Raises:
        UserError: If one is something else.
    """
    if not isinstance(callbacks, Iterable):
        raise UserError(f"callbacks must be a list of instances of mamlrl.Callback, got {callbacks!r}")
    found = tuple(callbacks)
    for callback in found:
        if not isinstance(callback, Callback):
            raise UserError(f"callbacks must be instances of mamlrl.Callback, got {callback!r}")
    return found


@contextmanager
def told(callbacks: Sequence[Callback], learner: Learner, folder: Path) -> Iterator[None]:
    """Tells callbacks of the start and the end of the training in the block.

    Raises:
        CallbackError: If a callback raises.
    """
    try:
        tell(callbacks, "on_start", learner, folder)
        yield
        tell(callbacks, "on_end", learner)
    except BaseException as error:
        for callback in callbacks:
            try:
                tell([callback], "on_error", error)
            except CallbackError as another:  # the first is the one to raise
                note(f"mamlrl: {another}")
        raise


def tell(callbacks: Sequence[Callback], method: str, *arguments: Any) -> bool:
    """Calls a method of every callback; returns whether one answered that the run should stop.

    Raises:
        CallbackError: If it raises.
    """
    stop = False
    for callback in callbacks:
        try:
            stop |= bool(getattr(callback, method)(*arguments))
        except FOREIGN_ERRORS as error:
            name = type(callback).__name__
            raise CallbackError(f"callback {name}: {method} raised {one_line(error)}") from error
    return stop
