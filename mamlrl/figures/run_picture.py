"""The learning curve of a run among its TensorBoard events."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path

import numpy as np
from PIL import Image

from mamlrl.learners.learner import Learner
from mamlrl.runs.callbacks import Callback
from mamlrl.runs.event_file import append_events
from mamlrl.runs.metrics_file import EVENTS, METRICS, read_metrics

TAG = "learning_curve"


class RunPicture(Callback):
    """Draws the learning curve when a run ends, complete or stopped, into its TensorBoard events."""

    def on_start(self, learner: Learner, folder: Path) -> None:
        """See `Callback.on_start`."""
        self._folder = folder

    def on_end(self, learner: Learner) -> None:
        """See `Callback.on_end`."""
        from torch.utils.tensorboard.summary import image  # noqa: PLC0415 (takes long)

        from mamlrl.figures.learning_curves import learning_curves  # noqa: PLC0415

        rows = read_metrics(self._folder / METRICS)
        if rows:
            file = BytesIO()
            learning_curves({str(self._folder): [rows]}).savefig(file, format="png")
            pixels = np.asarray(Image.open(file).convert("RGB"))
            picture = image(TAG, pixels, dataformats="HWC")
            append_events(self._folder / EVENTS, learner.iteration, [picture])
