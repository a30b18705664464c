"""The first step of an environment, before anything is learned or written."""

from __future__ import annotations

from typing import Any

import numpy as np

from mamlrl.envs.adapter.closing import closed_after
from mamlrl.envs.adapter.sub_env import Recipe, SubEnv
from mamlrl.envs.task_env import SubEnvError
from mamlrl.errors import FOREIGN_ERRORS, UserError, one_line

ATTEMPTS = 5  # episodes that end in their first step until an environment is refused


def check_episode(name: str, recipe: Recipe) -> None:
    """Begins an episode of a task and takes its first step.

    Args:
        name: Of the environment.
        recipe: What it is made of.

    Raises:
        UserError: If the task cannot be set, reset or step raise an error or return what they should not, or all
            episodes end in their first step.
    """
    env = SubEnv(recipe, 0)
    rng = np.random.default_rng(0)
    with closed_after(name, env):
        _check_keywords(name, recipe)
        for attempt in range(ATTEMPTS):
            if _survives(name, env, rng, attempt) or recipe.horizon == 1:
                return
    raise UserError(f"env.id: {name} ends every episode in its first step; there is nothing to learn from")


def _check_keywords(name: str, recipe: Recipe) -> None:
    """Makes the environments of the lowest and the highest arguments, where tasks vary any."""
    for corner in (recipe.tasks.space.low, recipe.tasks.space.high):
        keywords = recipe.tasks.keywords(corner.astype(np.float64))
        if not keywords:
            continue
        try:
            env = recipe.make(**keywords)
        except FOREIGN_ERRORS as error:
            raise UserError(f"env.tasks: {name} cannot be made with {keywords}: {one_line(error)}") from error
        with closed_after(name, env):
            pass


def _survives(name: str, env: SubEnv, rng: np.random.Generator, seed: int) -> bool:
    """Returns whether an episode goes on after its first step."""
    tasks = env.recipe.tasks
    try:
        task = tasks.sample(rng, 1)[0]
    except FOREIGN_ERRORS as error:
        raise UserError(f"env.id: {name}: sample_tasks raised {one_line(error)}") from error
    method = "reset"
    try:
        observation = env.reset(task, seed)
        assert env.env is not None
        _check_finite(name, method, observation, "observation")
        tasks.check_kept(env.env, task)
        actions = env.recipe.action_space
        actions.seed(seed)
        method = "step"
        observation, reward = env.step(actions.sample())
        _check_finite(name, method, observation, "observation")
        _check_finite(name, method, reward, "reward")
    except SubEnvError as error:
        raise UserError(f"env.id: {name}: {method} raised {error} in {tasks.describe(task)}") from error
    except ValueError as error:
        raise UserError(f"env.tasks: {name} does not keep its task: {error}") from error
    return not (env.terminated or env.truncated)


def _check_finite(name: str, method: str, numbers: Any, what: str) -> None:
    if not np.isfinite(numbers).all():
        raise UserError(f"env.id: {name}: {method} returned a number that is not finite in its first {what}")
