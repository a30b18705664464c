"""Which task family: settings of environments."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from mamlrl.envs import TaskEnv
from mamlrl.envs.wrappers.build import WRAPPERS
from mamlrl.sampling.episode_info import Reduction, check_keys
from mamlrl.settings.choices import text_or_object
from mamlrl.settings.numbers import NonNegativeInt
from mamlrl.settings.section import Section

if not TYPE_CHECKING:  # the parser reads what the type checker does not
    WrapperName = WRAPPERS.name_type("WrapperName")
    EnvId = text_or_object("EnvId", TaskEnv)
else:
    WrapperName = str
    EnvId = str | TaskEnv | Callable[..., TaskEnv]


@dataclass(frozen=True)
class EnvConfig(Section):
    """The task family.

    Attributes:
        id: Gymnasium id of a task environment; in Python also the environment, or what makes it as a vector entry
            point of Gymnasium does, such as its class.
        kwargs: Keyword arguments for the environment, such as its horizon.
        tasks: What differs between tasks of an ordinary Gymnasium environment: the distribution of each attribute,
            such as `length` or `model.opt.gravity[2]`: `{"uniform": [low, high]}`, `{"log_uniform": [low, high]}`
            or `{"choice": [value, ...]}`. With `{"list": [value, ...]}` for every key, there are as many tasks as
            values, and each has one of each key. `{"scale": {"uniform": [low, high]}}` draws factors on the value
            that the environment has by itself. Several attributes separated by commas get the same number; `make.`
            begins the name of a keyword argument of the environment.
        test_tasks: The same of the tasks to evaluate on, where they are others than those of `tasks`: all keys, or
            some. Training never draws from them.
        validation_tasks: The same of the tasks to choose by, see `evaluation.every`.
        workers: Processes that step ordinary Gymnasium environments, by Gymnasium's `AsyncVectorEnv`; 0 steps them
            in this process. Results are the same.
        info: Numbers from the environment to report before and after adaptation: keys of the info that it returns
            after every step, and how each is reduced over an episode, such as `{"success": "any"}`: `any` (1 if it
            was ever other than 0), the `last`, the `mean`, or the `sum`.
        wrappers: Wrappers around it, the innermost first, such as `[task_observation]`.
    """

    id: EnvId = "mamlrl/Navigation2D-v0"
    kwargs: dict[str, Any] = field(default_factory=dict)
    tasks: dict[str, Any] = field(default_factory=dict)
    test_tasks: dict[str, Any] = field(default_factory=dict)
    validation_tasks: dict[str, Any] = field(default_factory=dict)
    workers: NonNegativeInt = 0
    info: dict[str, Reduction] = field(default_factory=dict)
    wrappers: tuple[WrapperName, ...] = ()

    def __post_init__(self) -> None:
        """Checks every field; a key of info cannot have the name of another metric."""
        super().__post_init__()
        check_keys(self.info)
