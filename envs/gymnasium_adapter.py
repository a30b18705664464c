"""Any environment that Gymnasium can make, as a task family, behind the same contract as ours."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial, update_wrapper
from typing import Any

import gymnasium
from gymnasium.spaces import Box

from mamlrl.envs.adapter.closing import closed_after
from mamlrl.envs.adapter.flattening import flattened
from mamlrl.envs.adapter.own_tasks import SampleTasks, SetTask, tasks_of_environment, tasks_of_functions
from mamlrl.envs.adapter.probe import check_episode
from mamlrl.envs.adapter.splits import SETTINGS
from mamlrl.envs.adapter.sub_env import Recipe
from mamlrl.envs.adapter.task_source import Split, TaskSource
from mamlrl.envs.adapter.varied_tasks import VariedTasks
from mamlrl.envs.adapter.vector_env import GymnasiumVectorEnv
from mamlrl.envs.arguments import check_whole_number
from mamlrl.errors import UserError

HORIZON_REMEDY = "give its horizon, such as --env.kwargs '{\"horizon\": 200}'"


class NoTasksError(Exception):
    """An environment has no tasks, and nobody says what its tasks are."""


class GymnasiumFamily:
    """Makes task environments of ordinary ones, as a vector entry point of Gymnasium does.

    Args:
        make_env: Makes an ordinary environment; takes the keywords that `__call__` does not.
        name: Name of the environment in messages.
        find_tasks: Returns the tasks of an environment; by default those that it has by itself, if it has any.
        takes_limit: Whether `make_env` takes `max_episode_steps`, as `gymnasium.make` does.
    """

    def __init__(
        self,
        make_env: Callable[..., gymnasium.Env[Any, Any]],
        name: str,
        find_tasks: Callable[[gymnasium.Env[Any, Any]], TaskSource | None] = tasks_of_environment,
        takes_limit: bool = False,
    ) -> None:
        self._make_env = flattened(make_env, name)
        self._name = name
        self._find_tasks = find_tasks
        self._takes_limit = takes_limit

    def __call__(
        self,
        num_envs: int = 1,
        *,
        tasks: Mapping[str, Any] | None = None,
        held_out: Mapping[Split, Mapping[str, Any]] | None = None,
        workers: int = 0,
        info: tuple[str, ...] = (),
        horizon: int | None = None,
        render_mode: str | None = None,
        **kwargs: Any,
    ) -> GymnasiumVectorEnv:
        """Makes a task environment.

        Args:
            num_envs: Number of sub-environments.
            tasks: Distribution by attribute, the setting `env.tasks`.
            held_out: The settings `env.validation_tasks` and `env.test_tasks`, by split.
            workers: Processes that step them; 0 for this one alone.
            info: Keys of the environments' info that this one's info has, too.
            horizon: Steps after which an episode is truncated; by default, the environment's own limit.
            render_mode: None or `rgb_array`.
            **kwargs: For the environment.

        Raises:
            NoTasksError: If nothing says what its tasks are.
            UserError: If the tasks cannot be set, or the first episode goes wrong.
        """
        if tasks and self._find_tasks is not tasks_of_environment:
            raise UserError(f"env.tasks: {self._name} has tasks of its own; leave them out")
        for split, settings in (held_out or {}).items():
            if settings and not tasks:
                raise UserError(
                    f"{SETTINGS[split]}: goes with env.tasks, which is not given for {self._name}; leave it out"
                )
        if horizon is not None:
            check_whole_number("horizon", horizon, least=1)
        if horizon is not None and self._takes_limit:
            kwargs["max_episode_steps"] = horizon
        env = self._make(kwargs, has_tasks=bool(tasks) or self._find_tasks is not tasks_of_environment)
        with closed_after(self._name, env):
            source = VariedTasks(tasks, env, kwargs, held_out) if tasks else self._find_tasks(env)
            if source is None:
                raise NoTasksError(self._name)
            if horizon is None and env.spec is not None:
                horizon = env.spec.max_episode_steps
            if horizon is None:
                raise UserError(f"env.kwargs: {self._name} has no time limit; {HORIZON_REMEDY}")
            if render_mode not in (None, *env.metadata.get("render_modes", ())):
                raise UserError(f"env.id: {self._name} cannot be drawn: it has no render mode {render_mode}")
            spec, spaces, metadata = env.spec, (env.observation_space, env.action_space), env.metadata
        check_episode(self._name, Recipe(partial(self._make_env, **kwargs), source, *spaces, horizon, info))
        drawn = kwargs if render_mode is None else {**kwargs, "render_mode": render_mode}
        recipe = Recipe(partial(self._make_env, **drawn), source, *spaces, horizon, info)
        made = GymnasiumVectorEnv(num_envs, recipe, workers, render_mode, metadata)
        made.spec = spec
        return made

    def _make(self, kwargs: dict[str, Any], has_tasks: bool) -> gymnasium.Env[Any, Any]:
        try:
            return self._make_env(**kwargs)
        except TypeError as error:
            if has_tasks:
                raise
            env = self._make_env()
            env.close()
            if not env.has_wrapper_attr("sample_tasks"):  # which says more than that it takes no such argument
                raise NoTasksError(self._name) from error
            raise


def family_of_id(identifier: str) -> GymnasiumFamily:
    """Returns the family of an id of Gymnasium, whose environments are ordinary ones."""
    make = partial(gymnasium.make, identifier, disable_env_checker=True)
    return GymnasiumFamily(make, identifier, takes_limit=True)


def task_env(
    make_env: Callable[..., gymnasium.Env[Any, Any]],
    sample_tasks: SampleTasks,
    set_task: SetTask,
    *,
    sample_test_tasks: SampleTasks | None = None,
    sample_validation_tasks: SampleTasks | None = None,
    task_space: Box | None = None,
) -> GymnasiumFamily:
    """Makes a task family of an ordinary environment, by three functions.

    Args:
        make_env: Makes an environment; keywords are those of the setting `env.kwargs`, but for `horizon`, and
            `render_mode` for pictures.
        sample_tasks: Draws tasks from a generator, and their number. Numbers, or arrays of numbers, are drawn for
            each meta-batch; of other objects, a thousand are drawn once, and numbered.
        set_task: Sets a task in an environment; `reset` is called next.
        sample_test_tasks: Draws tasks to evaluate on; `sample_tasks` by default.
        sample_validation_tasks: Draws tasks to choose by, see `evaluation.every`; `sample_tasks` by default.
        task_space: Space of a task that is numbers; unbounded by default.

    Returns:
        What the setting `env.id` takes in place of a name. Called with a number of sub-environments, and a
        `horizon` if the environment has none, it makes a `TaskEnv`.

    Example:
        >>> import gymnasium
        >>> def set_gravity(env, gravity):
        ...     env.unwrapped.g = gravity
        >>> family = task_env(
        ...     lambda **kwargs: gymnasium.make("Pendulum-v1", **kwargs),
        ...     lambda rng, num_tasks: rng.uniform(5.0, 15.0, num_tasks),
        ...     set_gravity,
        ... )
        >>> family(num_envs=6).horizon
        200
    """

    def find_tasks(env: gymnasium.Env[Any, Any]) -> TaskSource:
        validation, test = sample_validation_tasks or sample_tasks, sample_test_tasks or sample_tasks
        samplers: dict[Split, SampleTasks] = {"train": sample_tasks, "validation": validation, "test": test}
        return tasks_of_functions(samplers, set_task, task_space)

    family = GymnasiumFamily(make_env, getattr(make_env, "__qualname__", "the environment"), find_tasks)
    update_wrapper(family, make_env, updated=())  # a checkpoint then says whose it is
    return family
