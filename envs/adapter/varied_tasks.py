"""Tasks that vary attributes of an environment, or arguments that it is made with: the setting `env.tasks`."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from importlib import import_module
from typing import Any

import gymnasium
import numpy as np
from gymnasium.spaces import Box
from numpy.typing import NDArray

from mamlrl.envs.adapter.attribute_paths import AttributePath
from mamlrl.envs.adapter.distributions import NumberDistribution, kind_of
from mamlrl.envs.adapter.task_source import TaskSource
from mamlrl.errors import UserError, suggestion

KEYWORD = "make."  # begins the keys of arguments of `gymnasium.make`


class Parameter:
    """One number of a task.

    Args:
        key: Path of the attribute, several separated by commas that get the same number, or `make.` and a keyword.
        setting: Its distribution, such as `{"uniform": [0.5, 2]}`, or `{"scale": {"uniform": [0.5, 2]}}` for
            factors on the value that the environment has by itself.
        env: An environment as it is made.

    Raises:
        ValueError: If the attribute does not exist, cannot be set, or is no number where it must be.
    """

    def __init__(self, key: str, setting: Any, env: gymnasium.Env[Any, Any]) -> None:
        self.key = key
        self.scaled = isinstance(setting, Mapping) and list(setting) == ["scale"]
        self.distribution = NumberDistribution.read(setting["scale"] if self.scaled else setting)
        self.keyword = key.removeprefix(KEYWORD) if key.startswith(KEYWORD) else None
        self.paths = [] if self.keyword else [AttributePath(each.strip()) for each in key.split(",")]
        self._own = [path.get(env.unwrapped) for path in self.paths]
        if self.keyword:
            _check_keyword(self.keyword, self.scaled, env)
        for path, own in zip(self.paths, self._own, strict=True):
            self._check(path, own)
            path.set(env.unwrapped, own)

    def _check(self, path: AttributePath, own: Any) -> None:
        choices, kind = self.distribution.choices, kind_of(own)
        if self.scaled and (choices and kind_of(choices[0]) != "number"):
            raise ValueError(f"scale needs numbers, got {choices}")
        if kind.startswith("array") and self.scaled:
            return
        if kind.startswith("array"):
            raise ValueError(f"{path.text} is an {kind}; name one element, {path.text}[0], or scale all of them")
        wanted = kind_of(choices[0]) if choices else "number"
        if kind != wanted:
            raise ValueError(f"{path.text} is a {kind}, {own!r}, and cannot become a {wanted}")

    def values(self, number: float) -> list[Any]:
        """Returns the value that each attribute has in a task."""
        value = self.distribution.value(number)
        return [own * value for own in self._own] if self.scaled else [value] * len(self.paths)

    def describe(self, number: float) -> str:
        """Says in a few words what the number is."""
        value = self.distribution.value(number)
        text = f"{value:.3g}" if isinstance(value, float) else str(value)
        return f"{self.key.removeprefix(KEYWORD)} {'x ' if self.scaled else ''}{text}"


def _check_keyword(keyword: str, scaled: bool, env: gymnasium.Env[Any, Any]) -> None:
    parameters = inspect.signature(type(env.unwrapped)).parameters
    takes_any = any(each.kind is each.VAR_KEYWORD for each in parameters.values())
    if keyword not in parameters and not takes_any:
        raise ValueError(f"the environment takes no argument {keyword}{suggestion(keyword, list(parameters))}")
    if scaled:
        raise ValueError("scale needs an attribute; say which values the argument has")


class VariedTasks(TaskSource):
    """Tasks of numbers, one for each parameter, drawn independently.

    Args:
        settings: Distribution by attribute or keyword, see `Parameter`.
        env: An environment as it is made.
        given: Keywords that all environments are made with.

    Raises:
        UserError: If a parameter cannot be varied as its setting says; the message names it.
    """

    def __init__(
        self, settings: Mapping[str, Any], env: gymnasium.Env[Any, Any], given: Mapping[str, Any]
    ) -> None:
        self._parameters = []
        for key, setting in settings.items():
            try:
                self._parameters.append(Parameter(key, setting, env))
            except ValueError as error:
                raise UserError(f"env.tasks: {key}: {error}") from error
            if key.removeprefix(KEYWORD) in given and key.startswith(KEYWORD):
                raise UserError(f"env.tasks: {key} is given by env.kwargs, too; leave one of them out")
        distributions = [parameter.distribution for parameter in self._parameters]
        low, high = (np.array([getattr(each, end) for each in distributions]) for end in ("low", "high"))
        self.space = Box(low, high, dtype=np.float64)

    def sample(self, rng: np.random.Generator, num_tasks: int) -> NDArray[np.float64]:
        """See `TaskSource.sample`."""
        return np.stack([each.distribution.sample(rng, num_tasks) for each in self._parameters], axis=1)

    def keywords(self, task: NDArray[np.float64]) -> dict[str, Any]:
        """See `TaskSource.keywords`."""
        numbers = zip(self._parameters, task, strict=True)
        return {each.keyword: each.distribution.value(number) for each, number in numbers if each.keyword}

    def set(self, env: gymnasium.Env[Any, Any], task: NDArray[np.float64]) -> None:
        """See `TaskSource.set`."""
        models: list[Any] = []
        for parameter, number in zip(self._parameters, task, strict=True):
            for path, value in zip(parameter.paths, parameter.values(number), strict=True):
                path.set(env.unwrapped, value)
                models += [each for each in path.models(env.unwrapped) if each not in models]
        for model in models:  # what MuJoCo computes from masses and the like
            mujoco = import_module("mujoco")  # which most environments do without
            mujoco.mj_setConst(model, mujoco.MjData(model))

    def check_kept(self, env: gymnasium.Env[Any, Any], task: NDArray[np.float64]) -> None:
        """See `TaskSource.check_kept`."""
        for parameter, number in zip(self._parameters, task, strict=True):
            for path, value in zip(parameter.paths, parameter.values(number), strict=True):
                found = path.get(env.unwrapped)
                if not np.array_equal(found, value):
                    raise ValueError(f"{path.text} was set to {value}, and is {found} after reset")

    def describe(self, task: NDArray[np.float64]) -> str:
        """See `TaskSource.describe`."""
        numbers = zip(self._parameters, task, strict=True)
        return ", ".join(each.describe(float(number)) for each, number in numbers)
