"""Weights & Biases as a callback; the extra `wandb` is needed."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import Any

from mamlrl.errors import UserError
from mamlrl.experiments.plain import plain_experiment
from mamlrl.files import write_text
from mamlrl.learners.learner import Learner
from mamlrl.metric_names import Metrics
from mamlrl.runs.callbacks import Callback

RUN_ID = "wandb_id.txt"  # in the folder of the run, for a resumed run to go on as the same one


class WandbCallback(Callback):
    """Logs a run to Weights & Biases: all settings as its config, and every row of metrics.

    A resumed run goes on as the same one there. Its files are in the folder of the run.

    Args:
        **settings: For `wandb.init`, such as `project`, `group` or `mode`.

    Raises:
        UserError: If wandb is not installed.

    Example:
        >>> from mamlrl import load_config, train
        >>> callback = WandbCallback(project="navigation", mode="offline")  # doctest: +SKIP
        >>> train(load_config("navigation2d"), "runs/navigation", callbacks=[callback])  # doctest: +SKIP
    """

    def __init__(self, **settings: Any) -> None:
        try:
            self._wandb: Any = import_module("wandb")
        except ImportError as error:
            raise UserError("Weights & Biases is not installed; pip install 'mamlrl[wandb]'") from error
        self._settings = settings
        self._run: Any = None

    def on_start(self, learner: Learner, folder: Path) -> None:
        """Begins a run, or goes on with it."""
        file = folder / RUN_ID
        resumed = learner.iteration > 0 and file.is_file()
        run_id = file.read_text(encoding="utf-8").strip() if resumed else None
        defaults = {"project": "mamlrl", "name": folder.name, "dir": str(folder)}
        self._run = self._wandb.init(
            **{**defaults, **self._settings},
            config=plain_experiment(learner.config),
            id=run_id,
            resume="allow" if resumed else None,
        )
        write_text(file, f"{self._run.id}\n")

    def on_iteration(self, learner: Learner, metrics: Metrics) -> None:
        """Logs a row of metrics."""
        if metrics:
            self._run.log(metrics, step=learner.iteration)

    def on_end(self, learner: Learner) -> None:
        """Ends the run."""
        self._run.finish()

    def on_error(self, error: BaseException) -> None:
        """Ends the run as one that failed."""
        if self._run is not None:
            self._run.finish(exit_code=1)
