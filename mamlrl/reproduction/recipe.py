"""Recipes: which methods are compared on a task, with which settings, and what was published about them."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from mamlrl.errors import UserError, suggestion
from mamlrl.experiments.command_line import load_config
from mamlrl.experiments.experiment import Experiment
from mamlrl.runs.repetitions import check_different
from mamlrl.settings.numbers import NonNegativeFinite, NonNegativeInt, Seed
from mamlrl.settings.section import Section


@dataclass(frozen=True)
class Method(Section):
    """A method that is compared.

    Attributes:
        label: What tables and figures call it.
        config: Config in the place of the recipe's; empty for none.
        configs: Overlays that make it, see `configs/methods/`.
        settings: Further settings, by dotted key.
        step_sizes: What the first step size in evaluation is chosen from, on validation tasks; empty takes that of
            the experiment.
    """

    label: str = ""
    config: str = ""
    configs: tuple[str, ...] = ()
    settings: dict[str, Any] = field(default_factory=dict)
    step_sizes: tuple[NonNegativeFinite, ...] = ()


@dataclass(frozen=True)
class Published(Section):
    """Published numbers.

    Attributes:
        label: What tables and figures call them.
        source: Where they were published, and on how many tasks.
        values: Mean of the metric by number of steps.
    """

    label: str
    source: str
    values: dict[str, float]

    @property
    def means(self) -> dict[int, float]:
        """The values with numbers of steps as numbers."""
        return {int(step): value for step, value in self.values.items()}


@dataclass(frozen=True)
class Recipe(Section):
    """A comparison of methods on one task.

    Attributes:
        name: Name of the recipe.
        title: What tables are headed with.
        config: Config of the task.
        methods: The methods by name.
        settings: Settings of all methods, by dotted key.
        quick: Settings that make everything small, laid over all others.
        seeds: Seeds unless others are given.
        impossible: Methods that the task cannot have, and why.
        published: Published numbers.
        pictures: Pictures to draw, by the method that each is of.
        steps: Numbers of steps that tables have columns for; all if there are none.
        data: Program that draws the data, such as `strokes`, and their folder, followed by its other options, for
            data that are not there.
        quick_data: The same where everything is small; `data` if there is none.
    """

    name: str
    title: str
    config: str
    methods: Mapping[str, Method]
    settings: dict[str, Any] = field(default_factory=dict)
    quick: dict[str, Any] = field(default_factory=dict)
    seeds: tuple[Seed, ...] = (0, 1, 2)
    impossible: dict[str, str] = field(default_factory=dict)
    published: tuple[Published, ...] = ()
    pictures: dict[str, str] = field(default_factory=dict)
    steps: tuple[NonNegativeInt, ...] = ()
    data: dict[str, str] = field(default_factory=dict)
    quick_data: dict[str, str] = field(default_factory=dict)

    def options(self, method: str, quick: bool = False) -> list[str]:
        """Returns the options of `mamlrl train` for a method, its seed and folder left out."""
        chosen = self.methods[method]
        settings = {**self.settings, **chosen.settings}
        if quick:
            iterations = settings.get("iterations")  # a method that trains for fewer keeps them
            settings |= self.quick
            if iterations is not None and "iterations" in self.quick:
                settings["iterations"] = min(iterations, self.quick["iterations"])
        configs = [f"--config={each}" for each in (chosen.config or self.config, *chosen.configs)]
        return [*configs, *(f"--{key}={_text(value)}" for key, value in settings.items())]

    def experiment(self, method: str, seed: int, quick: bool = False) -> Experiment:
        """Returns the experiment of a method.

        Raises:
            UserError: If a setting cannot be used.
        """
        first, *others = self.options(method, quick)
        return load_config(first.removeprefix("--config="), [*others, f"--seed={seed}"])

    @property
    def labels(self) -> dict[str, str]:
        """What tables and figures call the methods, by their names."""
        return {name: method.label or name for name, method in self.methods.items()}

    def choose(self, names: Sequence[str] | None) -> list[str]:
        """Returns the methods to compare, all by default.

        Raises:
            UserError: If one is unknown, impossible for the task, or given twice.
        """
        for name in names or ():
            if name in self.impossible:
                raise UserError(f"methods: {self.name} cannot have {name}: {self.impossible[name]}")
            if name not in self.methods:
                there_are = f"there are: {', '.join(self.methods)}"
                nearest = suggestion(name, list(self.methods))
                raise UserError(f"methods: {self.name} has no method {name}{nearest}; {there_are}")
        check_different("methods", names or ())
        return list(names or self.methods)


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)
