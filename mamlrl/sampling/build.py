"""Task environments by id, from settings, with errors a user can act on."""

from __future__ import annotations

import os
import re
from dataclasses import replace
from typing import Any

import gymnasium
import numpy as np

from mamlrl.distributed.team import processes_here
from mamlrl.envs import TaskEnv
from mamlrl.envs.adapter.task_source import Split
from mamlrl.envs.gymnasium_adapter import GymnasiumFamily, NoTasksError
from mamlrl.envs.pictures.graphics import choose_platform
from mamlrl.envs.wrappers.build import WRAPPERS
from mamlrl.errors import FOREIGN_ERRORS, UserError, one_line, suggestion
from mamlrl.sampling.creators import argument_names, find_creator, not_a_task_env
from mamlrl.sampling.env_checks import check_attributes, check_enough_tasks, check_info
from mamlrl.sampling.env_settings import EnvConfig
from mamlrl.sampling.settings import SamplingConfig
from mamlrl.settings.choices import named


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
            held_out: dict[Split, Any] = {"validation": config.validation_tasks, "test": config.test_tasks}
            settings: dict[str, Any] = {"tasks": config.tasks, "held_out": held_out, "workers": config.workers}
            return creator(num_envs, info=tuple(config.info), **settings, **kwargs)
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
    given = {"tasks": config.tasks, "test_tasks": config.test_tasks, "validation_tasks": config.validation_tasks}
    for setting in (setting for setting, value in given.items() if value):
        raise UserError(f"env.{setting}: {name} has tasks of its own; leave them out, or see its env.kwargs")
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
    config: EnvConfig,
    num_tasks: int,
    sampling: SamplingConfig,
    device: str = "cpu",
    split: Split | None = None,
) -> list[TaskEnv]:
    """Makes an environment for each group of tasks; several that have threads of their own share the CPUs.

    Args:
        config: Id, keyword arguments and wrappers.
        num_tasks: Number of tasks in all groups.
        sampling: Numbers of groups and of episodes per task.
        device: See `on_device`.
        split: Which tasks are to be drawn; None if that is not known.

    Raises:
        UserError: See `make_task_env`.
    """
    groups = np.array_split(range(num_tasks), min(sampling.groups, num_tasks))
    sharing = len(groups) * processes_here()
    if sharing > 1 and "num_threads" in argument_names(find_creator(config.id)):
        num_threads = max(1, (os.cpu_count() or 1) // sharing)
        config = replace(config, kwargs={"num_threads": num_threads, **config.kwargs})
    config = on_device(config, device)
    envs = [make_task_env(config, len(group) * sampling.episodes_per_task) for group in groups]
    check_enough_tasks(named(config.id), envs[0], num_tasks, split)
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
