"""Data sets by name, from settings."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from mamlrl.errors import UserError
from mamlrl.networks.convolution import Downsampling
from mamlrl.settings.choices import Registry, named
from mamlrl.settings.numbers import PositiveInt
from mamlrl.settings.section import Section
from mamlrl.supervised import mini_imagenet, omniglot
from mamlrl.supervised.image_sets import ImageSet, check_folder
from mamlrl.supervised.image_tasks import ImageTasks
from mamlrl.supervised.sinusoid import Sinusoid
from mamlrl.supervised.tasks import SupervisedTasks

# (settings, one of `splits.SPLITS`) -> tasks
TasksMaker = Callable[["DataConfig", str], SupervisedTasks]
DATASETS: Registry[TasksMaker] = Registry("data set", contract=(SupervisedTasks,))

if not TYPE_CHECKING:  # the parser reads what the type checker does not
    DatasetName = DATASETS.name_type("DatasetName")
else:
    DatasetName = str | SupervisedTasks | TasksMaker


@dataclass(frozen=True)
class DataConfig(Section):
    """The distribution of supervised tasks.

    Attributes:
        dataset: Data set that the tasks are drawn from.
        folder: Folder of the data set, if it is read from files.
        ways: Classes of a task.
        shots: Examples of each task to adapt on; for classification, of each class.
        queries: Examples of each task, or of each of its classes, to judge the adapted network on.
        validation_tasks: Tasks that a run is judged by whenever it reports metrics, the same each time; of classes
            that are neither for training nor for testing, where a data set has classes.
        task_inputs: Whether inputs are followed by the parameters of the task, such as amplitude and phase of a
            sine wave, for an oracle that need not adapt.
    """

    dataset: DatasetName = "sinusoid"
    folder: str | None = None
    ways: PositiveInt = 5
    shots: PositiveInt = 1
    queries: PositiveInt = 15
    validation_tasks: PositiveInt = 100
    task_inputs: bool = False


def make_supervised_tasks(config: DataConfig, split: str) -> SupervisedTasks:
    """Builds the distribution of tasks that a config names.

    Args:
        config: The data set, its folder, and the size of a task.
        split: `train`, `val` or `test`: which classes to draw from, where a data set has classes.

    Raises:
        UserError: If there is no such data set, it cannot be read, or its tasks have no parameters to be inputs.
    """
    tasks = DATASETS.choose("data.dataset:", config.dataset)(config, split)
    if config.task_inputs and not tasks.task_inputs:
        raise UserError(
            f"data.task_inputs: tasks of {named(config.dataset)} have no parameters that could be inputs, as an "
            "oracle needs them; those of sinusoid have"
        )
    return tasks


def images(
    read: Callable[[Path, str], ImageSet], layout: str, downsampling: Downsampling
) -> Callable[[DataConfig, str], ImageTasks]:
    """Returns what builds the tasks of a set of images, to be registered as a data set.

    Args:
        read: Maps the data set's folder, and `train`, `val` or `test`, to images.
        layout: What the folder should hold, for messages.
        downsampling: How the network halves height and width, see `ConvolutionalNetwork`.
    """

    def build(config: DataConfig, split: str) -> ImageTasks:
        folder = check_folder(config.folder, named(config.dataset), layout)
        tasks = ImageTasks(read(folder, split), config.ways, downsampling)
        tasks.check_enough(config.shots, config.queries)
        return tasks

    return build


def register_dataset(name: str, tasks: SupervisedTasks | TasksMaker) -> None:
    """Makes a distribution of supervised tasks usable by name, as `data.dataset`.

    Args:
        name: The name, without a colon.
        tasks: The tasks, or what makes them from the settings `data` and one of `train`, `val` and `test`.

    Raises:
        ValueError: If the name is taken, or the tasks are something else.
    """
    DATASETS.register(name, tasks)


register_dataset("sinusoid", lambda config, split: Sinusoid(config.task_inputs))
register_dataset("omniglot", images(omniglot.read_omniglot, omniglot.LAYOUT, "stride"))
register_dataset("strokes", images(omniglot.read_omniglot, omniglot.LAYOUT, "stride"))
register_dataset("kanji", images(omniglot.read_omniglot, omniglot.LAYOUT, "stride"))
register_dataset("mini_imagenet", images(mini_imagenet.read_mini_imagenet, mini_imagenet.LAYOUT, "max_pool"))
