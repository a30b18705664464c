"""Task environments by id, from settings, with errors a user can act on."""

from __future__ import annotations

import difflib
import inspect
import os
import re
from dataclasses import dataclass, field, replace
from importlib import import_module
from typing import TYPE_CHECKING, Any

import gymnasium
import numpy as np
from gymnasium.envs.registration import load_env_creator
from gymnasium.spaces import Box

from mamlrl.envs import NAMESPACE, TaskEnv
from mamlrl.envs.pictures.graphics import choose_platform
from mamlrl.envs.wrappers.build import WRAPPERS
from mamlrl.errors import FOREIGN_ERRORS, UserError, one_line, suggestion
from mamlrl.sampling.settings import SamplingConfig
from mamlrl.settings.section import Section

if not TYPE_CHECKING:  # the parser reads what the type checker does not
    WrapperName = WRAPPERS.name_type("WrapperName")
else:
    WrapperName = str


@dataclass(frozen=True)
class EnvConfig(Section):
    """The task family.

    Attributes:
        id: Gymnasium id of a task environment.
        kwargs: Keyword arguments for the environment, such as its horizon.
        wrappers: Wrappers around it, the innermost first, such as `[task_observation]`.
    """

    id: str = "mamlrl/Navigation2D-v0"
    kwargs: dict[str, Any] = field(default_factory=dict)
    wrappers: tuple[WrapperName, ...] = ()


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
    creator = _find_creator(config.id)
    if isinstance(creator, type):
        _check_class(config.id, creator, render_mode)
    try:
        env = gymnasium.make_vec(
            config.id,
            num_envs=num_envs,
            vectorization_mode="vector_entry_point",
            render_mode=render_mode,
            **config.kwargs,
        )
    except (TypeError, ValueError) as error:
        raise UserError(f"env.kwargs: {config.id} {_complaint(config, creator, str(error))}") from error
    except FOREIGN_ERRORS as error:
        raise UserError(
            f"env.id: {config.id} cannot be made for {num_envs} episodes: {one_line(error)}"
        ) from error
    if not isinstance(env, TaskEnv):
        raise _not_a_task_env(config.id)
    for name in config.wrappers:
        wrapper = WRAPPERS.choose("env.wrappers:", name)
        try:
            env = wrapper(env)
        except FOREIGN_ERRORS as error:
            text = str(error) if isinstance(error, ValueError) else one_line(error)
            raise UserError(f"env.wrappers: {name} does not fit {config.id}: {text}") from error
    _check_attributes(config.id, env, num_envs)
    return env


def make_task_envs(config: EnvConfig, num_tasks: int, sampling: SamplingConfig) -> list[TaskEnv]:
    """Makes an environment for each group of tasks; several that have threads of their own share the CPUs.

    Args:
        config: Id, keyword arguments and wrappers.
        num_tasks: Number of tasks in all groups.
        sampling: Numbers of groups and of episodes per task.

    Raises:
        UserError: See `make_task_env`.
    """
    groups = np.array_split(range(num_tasks), min(sampling.groups, num_tasks))
    if len(groups) > 1 and "num_threads" in _argument_names(_find_creator(config.id)):
        num_threads = max(1, (os.cpu_count() or 1) // len(groups))
        config = replace(config, kwargs={"num_threads": num_threads, **config.kwargs})
    return [make_task_env(config, len(group) * sampling.episodes_per_task) for group in groups]


def _complaint(config: EnvConfig, creator: object, error: str) -> str:
    """Says what an environment does not take, with the nearest name that it does."""
    unexpected = re.search(r"unexpected keyword argument '(\w+)'", error)
    if unexpected is None or unexpected[1] not in config.kwargs:
        return f"refuses {config.kwargs}: {error}"
    return f"takes no argument '{unexpected[1]}'{suggestion(unexpected[1], _argument_names(creator))}"


def _argument_names(creator: object) -> list[str]:
    """Arguments of an environment class that a config may set, those it passes on to its bases included."""
    names: set[str] = set()
    for each in inspect.getmro(creator) if isinstance(creator, type) else []:
        parameters = inspect.signature(each).parameters.values()
        names |= {parameter.name for parameter in parameters if parameter.kind is parameter.KEYWORD_ONLY}
        if not any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters):
            break
    return sorted(names - {"render_mode", "task"})  # whoever makes or subclasses an environment gives these


def _check_class(name: str, creator: type, render_mode: str | None) -> None:
    if not issubclass(creator, TaskEnv):
        raise _not_a_task_env(name)
    if render_mode not in (None, *creator.metadata.get("render_modes", ())):
        raise UserError(f"env.id: {name} cannot be drawn: it has no render mode {render_mode}")


def _check_attributes(name: str, env: TaskEnv, num_envs: int) -> None:
    """Refuses an environment whose size, horizon or tasks are not what `TaskEnv` promises."""
    horizon, task_space = getattr(env, "horizon", None), getattr(env, "task_space", None)
    if env.num_envs != num_envs:
        raise UserError(f"env.id: {name} has num_envs {env.num_envs}; it was asked for {num_envs}")
    if isinstance(horizon, bool) or not isinstance(horizon, int | np.integer) or horizon < 1:
        raise UserError(f"env.id: {name} has horizon {horizon}; it must be a whole number of at least 1")
    if not isinstance(task_space, Box):
        raise UserError(f"env.id: {name} has task_space {task_space}; it must be a Box")


def _not_a_task_env(name: str) -> UserError:
    return UserError(f"env.id: {name} is not a task environment; there are: {', '.join(_known_ids())}")


def _find_creator(identifier: str) -> object:
    """Returns what makes the vector environments of an id, `namespace/Name-v0` or `module:namespace/Name-v0`."""
    module, _, name = identifier.rpartition(":")
    try:
        if module:
            import_module(module)
        entry_point = gymnasium.spec(name).vector_entry_point
        creator = load_env_creator(entry_point) if isinstance(entry_point, str) else entry_point
    except gymnasium.error.DependencyNotInstalled as error:
        raise UserError(f"env.id: {identifier} cannot be made: {error}") from error
    except ModuleNotFoundError as error:
        raise UserError(
            f"env.id: {identifier} cannot be made: {error}; install it, or put its folder on PYTHONPATH"
        ) from error
    except gymnasium.error.Error as error:
        nearest = difflib.get_close_matches(identifier, _known_ids(), n=1, cutoff=0.0)
        raise UserError(f"env.id: no environment {identifier!r}; did you mean {nearest[0]}?") from error
    except FOREIGN_ERRORS as error:
        raise UserError(f"env.id: {identifier} cannot be imported: {one_line(error)}") from error
    if creator is None:
        raise _not_a_task_env(identifier)
    return creator


def _known_ids() -> list[str]:
    return sorted(name for name in gymnasium.registry if name.startswith(f"{NAMESPACE}/"))
