"""Tasks that vary attributes of an environment, or arguments that it is made with: the setting `env.tasks`."""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Mapping, Sequence
from importlib import import_module
from typing import Any

import gymnasium
import numpy as np
from gymnasium.spaces import Box
from numpy.typing import NDArray

from mamlrl.envs.adapter.attribute_paths import AttributePath
from mamlrl.envs.adapter.distributions import NumberDistribution, kind_of
from mamlrl.envs.adapter.splits import is_scaled, joint_distributions, keys_by_split
from mamlrl.envs.adapter.task_source import SPLITS, Split, TaskSource
from mamlrl.errors import UserError, suggestion

KEYWORD = "make."  # begins the keys of arguments of `gymnasium.make`


class Parameter:
    """One number of a task.

    Args:
        key: Path of the attribute, several separated by commas that get the same number, or `make.` and a keyword.
        settings: Its distribution in each split, such as `{"uniform": [0.5, 2]}`, or
            `{"scale": {"uniform": [0.5, 2]}}` for factors on the value that the environment has by itself.
        env: An environment as it is made.

    Attributes:
        distributions: Distribution of the number in each split.
        low: Lowest number of all.
        high: Highest number of all.

    Raises:
        ValueError: If the attribute does not exist, cannot be set, or is no number where it must be.
    """

    def __init__(self, key: str, settings: Mapping[Split, Any], env: gymnasium.Env[Any, Any]) -> None:
        self.key = key
        self.scaled = is_scaled(settings["train"])
        if any(is_scaled(each) != self.scaled for each in settings.values()):
            raise ValueError("must be scaled in all splits, or in none")
        read = {split: each["scale"] if self.scaled else each for split, each in settings.items()}
        self.distributions = {split: NumberDistribution.read(each) for split, each in read.items()}
        _number_alike(list(self.distributions.values()))
        self.low, self.high = _hull(self.distributions.values())
        self.keyword = key.removeprefix(KEYWORD) if key.startswith(KEYWORD) else None
        self.paths = [] if self.keyword else [AttributePath(each.strip()) for each in key.split(",")]
        self._own = [path.get(env.unwrapped) for path in self.paths]
        if self.keyword:
            _check_keyword(self.keyword, self.scaled, env)
        for path, own in zip(self.paths, self._own, strict=True):
            for distribution in self.distributions.values():
                self._check(path, own, distribution.choices)
            path.set(env.unwrapped, own)

    def value(self, number: float) -> Any:
        """Returns the value that a number stands for."""
        return self.distributions["train"].value(number)

    def _check(self, path: AttributePath, own: Any, choices: Sequence[Any]) -> None:
        kind = kind_of(own)
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
        value = self.value(number)
        return [own * value for own in self._own] if self.scaled else [value] * len(self.paths)

    def describe(self, number: float) -> str:
        """Says in a few words what the number is."""
        value = self.value(number)
        text = f"{value:.3g}" if isinstance(value, float) else str(value)
        return f"{self.key.removeprefix(KEYWORD)} {'x ' if self.scaled else ''}{text}"


def _check_keyword(keyword: str, scaled: bool, env: gymnasium.Env[Any, Any]) -> None:
    parameters = inspect.signature(type(env.unwrapped)).parameters
    takes_any = any(each.kind is each.VAR_KEYWORD for each in parameters.values())
    if keyword not in parameters and not takes_any:
        raise ValueError(f"the environment takes no argument {keyword}{suggestion(keyword, list(parameters))}")
    if scaled:
        raise ValueError("scale needs an attribute; say which values the argument has")


def _hull(distributions: Iterable[NumberDistribution]) -> tuple[float, float]:
    lows, highs = zip(*((each.low, each.high) for each in distributions), strict=True)
    return min(lows), max(highs)


def _number_alike(distributions: Sequence[NumberDistribution]) -> None:
    """Lets a number stand for the same value in all splits."""
    chosen = [each for each in distributions if each.choices]
    kinds = {kind_of(each.choices[0]) if each.choices else "number" for each in distributions}
    if len(kinds) > 1:
        raise ValueError(f"must have values of one kind in all splits, got {' and '.join(sorted(kinds))}")
    for each in chosen:
        each.number_among(list(dict.fromkeys(value for other in chosen for value in other.choices)))


class VariedTasks(TaskSource):
    """Tasks of numbers, one for each parameter, drawn independently, or from a list.

    Args:
        settings: Distribution by attribute or keyword, see `Parameter`.
        env: An environment as it is made.
        given: Keywords that all environments are made with.
        held_out: Distributions of other splits, where they are others: of all keys, or of some.

    Raises:
        UserError: If a parameter cannot be varied as its setting says, or a task could be drawn in two splits that
            have distributions of their own; the message names it.
    """

    def __init__(
        self,
        settings: Mapping[str, Any],
        env: gymnasium.Env[Any, Any],
        given: Mapping[str, Any],
        held_out: Mapping[Split, Mapping[str, Any]] | None = None,
    ) -> None:
        own = {split: each for split, each in (held_out or {}).items() if each}
        by_key = keys_by_split(settings, own)
        self._parameters = []
        for key, by_split in by_key.items():
            try:
                self._parameters.append(Parameter(key, by_split, env))
            except ValueError as error:
                raise UserError(f"env.tasks: {key}: {error}") from error
            if key.removeprefix(KEYWORD) in given and key.startswith(KEYWORD):
                raise UserError(f"env.tasks: {key} is given by env.kwargs, too; leave one of them out")
        self._joint = joint_distributions(
            {split: [each.distributions[split] for each in self._parameters] for split in SPLITS}, own
        )
        self._own = own
        low, high = (np.array([getattr(each, end) for each in self._parameters]) for end in ("low", "high"))
        self.space = Box(low, high, dtype=np.float64)

    def count(self, split: Split) -> int | None:
        """See `TaskSource.count`; tasks of a list to train on are none to choose by."""
        count = self._joint[split].count
        return 0 if split == "validation" and split not in self._own and count is not None else count

    def sample(self, rng: np.random.Generator, num_tasks: int) -> NDArray[np.float64]:
        """See `TaskSource.sample`."""
        return self._joint["train"].sample(rng, num_tasks)

    def sample_validation(self, rng: np.random.Generator, num_tasks: int) -> NDArray[np.float64]:
        """See `TaskSource.sample_validation`."""
        return self._joint["validation"].sample(rng, num_tasks)

    def sample_test(self, rng: np.random.Generator, num_tasks: int) -> NDArray[np.float64]:
        """See `TaskSource.sample_test`."""
        return self._joint["test"].sample(rng, num_tasks)

    def keywords(self, task: NDArray[np.float64]) -> dict[str, Any]:
        """See `TaskSource.keywords`."""
        numbers = zip(self._parameters, task, strict=True)
        return {each.keyword: each.value(number) for each, number in numbers if each.keyword}

    def set(self, env: gymnasium.Env[Any, Any], task: NDArray[np.float64]) -> None:
        """See `TaskSource.set`."""
        root = env.unwrapped
        models: list[Any] = []
        for parameter, number in zip(self._parameters, task, strict=True):
            for path, value in zip(parameter.paths, parameter.values(number), strict=True):
                path.set(root, value)
                models += [each for each in path.models(root) if each not in models]
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
