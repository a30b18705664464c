"""Task environments by id, from settings, with errors a user can act on."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import gymnasium
import numpy as np

from mamlrl.envs import TaskEnv
from mamlrl.envs.gymnasium_adapter import GymnasiumFamily, NoTasksError
from mamlrl.envs.pictures.graphics import choose_platform
from mamlrl.envs.wrappers.build import WRAPPERS
from mamlrl.errors import FOREIGN_ERRORS, UserError, one_line, suggestion
from mamlrl.sampling.creators import argument_names, find_creator, not_a_task_env
from mamlrl.sampling.env_checks import check_attributes, check_enough_tasks, check_info
from mamlrl.sampling.episode_info import Reduction, check_keys
from mamlrl.sampling.settings import SamplingConfig
from mamlrl.settings.choices import named, text_or_object
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
            or `{"choice": [value, ...]}`. `{"scale": {"uniform": [low, high]}}` draws factors on the value that
            the environment has by itself. Several attributes separated by commas get the same number; `make.`
            begins the name of a keyword argument of the environment.
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
    workers: NonNegativeInt = 0
    info: dict[str, Reduction] = field(default_factory=dict)
    wrappers: tuple[WrapperName, ...] = ()

    def __post_init__(self) -> None:
        """Checks every field; a key of info cannot have the name of another metric."""
        super().__post_init__()
        check_keys(self.info)


def make_task_env(config: EnvConfig, num_envs: int, render_mode: str | None = None) -> TaskEnv:
    """Makes a vector environment over tasks and episodes.

    Args:
        config: Id, keyword arguments and wrappers.
        num_envs: Number of sub-environments.
        render_mode: None or `rgb_array`, for which MuJoCo, where it is not imported yet, draws off screen.

    Raises:
        UserError: If the id does not exist, is not a task environment, or refuses the arguments.
    """
    if render_mode is not None:
        choose_platform()
    name = named(config.id)
    env = config.id if isinstance(config.id, TaskEnv) else _make(config, num_envs, render_mode)
    if not isinstance(env, TaskEnv):
        raise not_a_task_env(name)
    if env is config.id:
        _check_has_tasks(config, name)
        _check_given(config, env, num_envs, render_mode)
    for wrapper_name in config.wrappers:
        wrapper = WRAPPERS.choose("env.wrappers:", wrapper_name)
        try:
            env = wrapper(env)
        except FOREIGN_ERRORS as error:
            text = str(error) if isinstance(error, ValueError) else one_line(error)
            raise UserError(f"env.wrappers: {wrapper_name} does not fit {name}: {text}") from error
    check_attributes(name, env, num_envs)
    return env


def _make(config: EnvConfig, num_envs: int, render_mode: str | None) -> object:
    creator, name = find_creator(config.id), named(config.id)
    if isinstance(creator, type):
        _check_class(name, creator, render_mode)
    kwargs = config.kwargs if render_mode is None else {**config.kwargs, "render_mode": render_mode}
    try:
        if isinstance(creator, GymnasiumFamily):
            info = tuple(config.info)
            return creator(num_envs, tasks=config.tasks, workers=config.workers, info=info, **kwargs)
        _check_has_tasks(config, name)
        if isinstance(config.id, str):
            mode = "vector_entry_point"
            return gymnasium.make_vec(config.id, num_envs=num_envs, vectorization_mode=mode, **kwargs)
        return creator(num_envs, **kwargs) if callable(creator) else creator
    except UserError:
        raise
    except NoTasksError as error:
        raise not_a_task_env(name) from error
    except gymnasium.error.DependencyNotInstalled as error:
        raise UserError(f"env.kwargs: {name} cannot be made: {error}") from error
    except (TypeError, ValueError) as error:
        raise UserError(f"env.kwargs: {name} {_complaint(config, creator, str(error))}") from error
    except FOREIGN_ERRORS as error:
        raise UserError(f"env.id: {name} cannot be made for {num_envs} episodes: {one_line(error)}") from error


def _check_has_tasks(config: EnvConfig, name: str) -> None:
    """Refuses settings that are of ordinary environments alone."""
    if config.tasks:
        raise UserError(f"env.tasks: {name} has tasks of its own; leave them out, or see its env.kwargs")
    if config.workers:
        raise UserError(f"env.workers: {name} steps all its episodes at once, without workers; leave them at 0")


def _check_given(config: EnvConfig, env: TaskEnv, num_envs: int, render_mode: str | None) -> None:
    """Refuses an environment that was given as an object where another one would have to be made."""
    remedy = "give what makes it, such as its class"
    if env.num_envs != num_envs:
        raise UserError(
            f"env.id: the environment that was given has {env.num_envs} sub-environments; {num_envs} are needed "
            f"(tasks x episodes); {remedy}"
        )
    if render_mode not in (None, env.render_mode):
        raise UserError(f"env.id: the environment that was given cannot be drawn; {remedy}")
    if config.kwargs:
        raise UserError(f"env.kwargs: the environment that was given is made already; {remedy}")


def make_task_envs(
    config: EnvConfig, num_tasks: int, sampling: SamplingConfig, device: str = "cpu"
) -> list[TaskEnv]:
    """Makes an environment for each group of tasks; several that have threads of their own share the CPUs.

    Args:
        config: Id, keyword arguments and wrappers.
        num_tasks: Number of tasks in all groups.
        sampling: Numbers of groups and of episodes per task.
        device: See `on_device`.

    Raises:
        UserError: See `make_task_env`.
    """
    groups = np.array_split(range(num_tasks), min(sampling.groups, num_tasks))
    if len(groups) > 1 and "num_threads" in argument_names(find_creator(config.id)):
        num_threads = max(1, (os.cpu_count() or 1) // len(groups))
        config = replace(config, kwargs={"num_threads": num_threads, **config.kwargs})
    config = on_device(config, device)
    envs = [make_task_env(config, len(group) * sampling.episodes_per_task) for group in groups]
    check_enough_tasks(named(config.id), envs[0], num_tasks)
    check_info(envs[0], tuple(config.info))
    return envs


def on_device(config: EnvConfig, device: str) -> EnvConfig:
    """Returns settings for an environment on a device, if it takes one and the settings do not name another.

    Raises:
        UserError: If the id does not exist.
    """
    if device == "cpu" or "device" not in argument_names(find_creator(config.id)):
        return config
    return replace(config, kwargs={"device": device, **config.kwargs})


def _complaint(config: EnvConfig, creator: object, error: str) -> str:
    """Says what an environment does not take, with the nearest name that it does."""
    unexpected = re.search(r"unexpected keyword argument '(\w+)'", error)
    if unexpected is None or unexpected[1] not in config.kwargs:
        return f"refuses {config.kwargs}: {error}"
    return f"takes no argument '{unexpected[1]}'{suggestion(unexpected[1], argument_names(creator))}"


def _check_class(name: str, creator: type, render_mode: str | None) -> None:
    if not issubclass(creator, TaskEnv):
        raise not_a_task_env(name)
    if render_mode not in (None, *creator.metadata.get("render_modes", ())):
        raise UserError(f"env.id: {name} cannot be drawn: it has no render mode {render_mode}")
