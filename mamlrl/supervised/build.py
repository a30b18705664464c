"""The data sets by name."""

from __future__ import annotations

from collections.abc import Callable

from mamlrl.errors import UserError
from mamlrl.experiments.experiment import DataConfig
from mamlrl.supervised.image_tasks import IMAGE_TASKS
from mamlrl.supervised.sinusoid import Sinusoid
from mamlrl.supervised.tasks import SupervisedTasks

SUPERVISED_TASKS: dict[str, Callable[[DataConfig, str], SupervisedTasks]] = {
    "sinusoid": lambda config, split: Sinusoid(),
    **IMAGE_TASKS,
}


def make_supervised_tasks(config: DataConfig, split: str) -> SupervisedTasks:
    """Builds the distribution of tasks that a config names.

    Args:
        config: Which data set, where it lies, and the size of a task.
        split: `train` or `test`: whose classes, where a data set keeps some for testing.

    Raises:
        UserError: If there is no such data set, or it cannot be read.
    """
    if config.dataset not in SUPERVISED_TASKS:
        raise UserError(f"data.dataset: there is no {config.dataset}; there are: {', '.join(SUPERVISED_TASKS)}")
    return SUPERVISED_TASKS[config.dataset](config, split)
