"""Data sets by name, from settings."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

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
    """

    dataset: DatasetName = "sinusoid"
    folder: str | None = None
    ways: PositiveInt = 5
    shots: PositiveInt = 1
    queries: PositiveInt = 15
    validation_tasks: PositiveInt = 100


def make_supervised_tasks(config: DataConfig, split: str) -> SupervisedTasks:
    """Builds the distribution of tasks that a config names.

    Args:
        config: The data set, its folder, and the size of a task.
        split: `train`, `val` or `test`: which classes to draw from, where a data set has classes.

    Raises:
        UserError: If there is no such data set, or it cannot be read.
    """
    return DATASETS.choose("data.dataset:", config.dataset)(config, split)


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


register_dataset("sinusoid", lambda config, split: Sinusoid())
register_dataset("omniglot", images(omniglot.read_omniglot, omniglot.LAYOUT, "stride"))
register_dataset("strokes", images(omniglot.read_omniglot, omniglot.LAYOUT, "stride"))
register_dataset("mini_imagenet", images(mini_imagenet.read_mini_imagenet, mini_imagenet.LAYOUT, "max_pool"))
