"""What makes task environments: their ids, classes, and the arguments they take."""

from __future__ import annotations

import difflib
import inspect
from importlib import import_module

import gymnasium
from gymnasium.envs.registration import load_env_creator

from mamlrl.envs import NAMESPACE, TaskEnv
from mamlrl.envs.gymnasium_adapter import family_of_id
from mamlrl.errors import FOREIGN_ERRORS, UserError, one_line
from mamlrl.settings.choices import OBJECT, lost


def argument_names(creator: object) -> list[str]:
    """Arguments of an environment class that a config may set, those it passes on to its bases included."""
    names: set[str] = set()
    for each in inspect.getmro(creator) if isinstance(creator, type) else []:
        parameters = inspect.signature(each).parameters.values()
        names |= {parameter.name for parameter in parameters if parameter.kind is parameter.KEYWORD_ONLY}
        if not any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters):
            break
    return sorted(names - {"render_mode", "task"})  # whoever makes or subclasses an environment gives these


def find_creator(identifier: object) -> object:
    """Returns what makes the vector environments of an id, `namespace/Name-v0` or `module:namespace/Name-v0`.

    That of an ordinary environment is a `GymnasiumFamily`.
    """
    if not isinstance(identifier, str):
        return identifier
    if identifier.startswith(OBJECT):
        raise UserError(f"env.id: {lost(identifier)}")
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
        nearest = _nearest_id(identifier)
        raise UserError(f"env.id: no environment {identifier!r}; did you mean {nearest}?") from error
    except FOREIGN_ERRORS as error:
        raise UserError(f"env.id: {identifier} cannot be imported: {one_line(error)}") from error
    if creator is None or (isinstance(creator, type) and not issubclass(creator, TaskEnv)):
        return family_of_id(identifier)
    return creator


def _known_ids() -> list[str]:
    return sorted(name for name in gymnasium.registry if name.startswith(f"{NAMESPACE}/"))


def _nearest_id(identifier: str) -> str:
    """Returns the id most like another, of all if one is much like it, otherwise of our own."""
    close = difflib.get_close_matches(identifier, gymnasium.registry, n=1, cutoff=0.8)
    return (close or difflib.get_close_matches(identifier, _known_ids(), n=1, cutoff=0.0))[0]


def not_a_task_env(name: str) -> UserError:
    """Returns the error that says how it becomes one, and names the ids there are."""
    return UserError(
        f"env.id: {name} is not a task environment; say what differs from task to task, such as --env.tasks "
        '\'{"gravity": {"uniform": [5, 15]}}\', give the environment methods sample_tasks(n) and set_task(task), '
        f"or see mamlrl.task_env; there are: {', '.join(_known_ids())}"
    )
