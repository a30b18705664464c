"""Distributions of single numbers by name: `uniform`, `log_uniform`, `choice`; `list` has one for each task."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mamlrl.envs.arguments import check_range
from mamlrl.errors import suggestion

NAMES = ("uniform", "log_uniform", "choice", "list")


def is_number(value: Any) -> bool:
    """Returns whether a value is a number, which truth values are not."""
    return isinstance(value, int | float | np.integer | np.floating) and not isinstance(value, bool)


class NumberDistribution:
    """A distribution of values, each of which a number stands for.

    Values that are numbers stand for themselves; other values of a choice are numbered from 0.

    Args:
        name: `uniform` on an interval, `log_uniform`, whose logarithm is uniform, `choice` among values, or
            `list`, of which each task has one.
        arguments: [low, high], or the values.

    Attributes:
        name: Its name.
        choices: The values of a choice or a list; empty for intervals.
        low: Lowest number.
        high: Highest number.

    Raises:
        ValueError: If there is no such distribution, or it has other arguments.

    Example:
        >>> NumberDistribution("choice", [-10, 10]).sample(np.random.default_rng(0), 3).tolist()
        [10.0, 10.0, 10.0]
    """

    def __init__(self, name: str, arguments: Any) -> None:
        if name not in NAMES:
            raise ValueError(
                f"there is no distribution {name!r}, only {', '.join(NAMES)}{suggestion(name, NAMES)}"
            )
        self.name = name
        self.choices: list[Any] = []
        if name in ("choice", "list"):
            self.choices = _checked_choices(name, arguments)
            self.number_among(self.choices)
            return
        self.low, self.high = check_range(name, arguments)
        if name == "log_uniform" and self.low <= 0:
            raise ValueError(f"log_uniform must be two numbers above 0, got {arguments}")

    @classmethod
    def read(cls, setting: Any) -> NumberDistribution:
        """Returns the distribution that a setting names, such as `{"uniform": [0.5, 2]}`."""
        if not isinstance(setting, Mapping) or len(setting) != 1:
            raise ValueError(f'must be a distribution, such as {{"uniform": [0.5, 2]}}, got {setting}')
        ((name, arguments),) = setting.items()
        return cls(str(name), arguments)

    def number_among(self, values: Sequence[Any]) -> None:
        """Numbers choices that are no numbers by their places among values, of other distributions too."""
        self._values = list(values)
        self._are_whole = all(isinstance(value, int) for value in values)
        numbers = self.choices if is_number(self.choices[0]) else [values.index(each) for each in self.choices]
        self.numbers = np.asarray(numbers, dtype=np.float64)
        self.low, self.high = float(self.numbers.min()), float(self.numbers.max())

    def sample(self, rng: np.random.Generator, size: int) -> NDArray[np.float64]:
        """Draws numbers, shape (size,)."""
        if self.choices:
            return self.numbers[rng.integers(len(self.choices), size=size)]
        if self.name == "uniform":
            return rng.uniform(self.low, self.high, size)
        return np.clip(np.exp(rng.uniform(np.log(self.low), np.log(self.high), size)), self.low, self.high)

    def value(self, number: float) -> Any:
        """Returns the value that a number stands for; whole numbers stay whole where all choices are."""
        if not self.choices:
            return float(number)
        if not is_number(self.choices[0]):
            return self._values[round(number)]
        return int(number) if self._are_whole and float(number).is_integer() else float(number)


def _checked_choices(name: str, values: Any) -> list[Any]:
    alike = isinstance(values, list | tuple) and len(values) >= 1
    if not alike or len({_kind(value) for value in values} | {""}) > 2 or _kind(values[0]) == "":
        raise ValueError(
            f"{name} must be a list of numbers, of truth values or of texts, such as [-10, 10], got {values}"
        )
    if is_number(values[0]) and not np.isfinite(np.asarray(values, dtype=np.float64)).all():
        raise ValueError(f"{name} must have finite numbers, got {values}")
    return list(values)


def _kind(value: Any) -> str:
    return kind_of(value) if kind_of(value) in ("number", "truth value", "text") else ""


def kind_of(value: Any) -> str:
    """Says what a value is, such as `number` or `array of shape (3,)`."""
    if isinstance(value, bool | np.bool_):
        return "truth value"
    if is_number(value):
        return "number"
    if isinstance(value, str):
        return "text"
    return f"array of shape {value.shape}" if isinstance(value, np.ndarray) else type(value).__name__
