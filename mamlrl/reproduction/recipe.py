"""Recipes: which methods are compared on a task, with which settings, and what was published about them."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from importlib import resources
from pathlib import Path
from typing import Any, TypeVar

from mamlrl.errors import UserError, suggestion
from mamlrl.experiments.command_line import load_config
from mamlrl.experiments.experiment import Experiment
from mamlrl.experiments.files import RECIPES
from mamlrl.runs.repetitions import check_different
from mamlrl.settings.numbers import NonNegativeFinite, NonNegativeInt, Seed
from mamlrl.settings.plain_yaml import load, read_text
from mamlrl.settings.section import Section

Part = TypeVar("Part", bound=Section)
_DEFAULTS: dict[str, Any] = {
    **{"settings": {}, "quick": {}, "impossible": {}, "pictures": {}, "data": {}},
    **{"seeds": [0, 1, 2], "published": [], "steps": []},
}


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
    settings: dict[str, Any] | None = None
    step_sizes: tuple[NonNegativeFinite, ...] = ()


@dataclass(frozen=True)
class Published(Section):
    """Published numbers.

    Attributes:
        label: What tables and figures call them.
        source: Where they were published, and on how many tasks.
        values: Mean of the metric by number of steps.
    """

    label: str = ""
    source: str = ""
    values: dict[str, Any] | None = None


@dataclass(frozen=True)
class Recipe:
    """A comparison of methods on one task.

    Attributes:
        name: Name of the recipe.
        title: What tables are headed with.
        config: Config of the task.
        settings: Settings of all methods, by dotted key.
        quick: Settings that make everything small, laid over all others.
        seeds: Seeds unless others are given.
        methods: The methods by name.
        impossible: Methods that the task cannot have, and why.
        published: Published numbers.
        pictures: Pictures to draw, `paths`, `fits` or `film`, and the method that each is of.
        steps: Numbers of steps that tables have columns for; all if there are none.
        data: Program that draws the data, such as `strokes`, and its folder, for data that are not there.
    """

    name: str
    title: str
    config: str
    settings: dict[str, Any]
    quick: dict[str, Any]
    seeds: tuple[int, ...]
    methods: dict[str, Method]
    impossible: dict[str, str]
    published: tuple[Published, ...]
    pictures: dict[str, str]
    steps: tuple[int, ...]
    data: dict[str, str]

    def options(self, method: str, quick: bool = False) -> list[str]:
        """Returns the options of `mamlrl train` for a method, its seed and folder left out."""
        chosen = self.methods[method]
        settings = {**self.settings, **(chosen.settings or {})}
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


def recipe_names() -> list[str]:
    """Returns the names of the shipped recipes."""
    files = resources.files("mamlrl.configs").joinpath(RECIPES).iterdir()
    return sorted(file.name.removesuffix(".yaml") for file in files if file.name.endswith(".yaml"))


def read_recipe(source: str) -> Recipe:
    """Reads a recipe.

    Args:
        source: Name of a shipped recipe, or path of a YAML file.

    Raises:
        UserError: If there is none of that name, or it cannot be used.
    """
    if source in recipe_names():
        path, name = str(resources.files("mamlrl.configs").joinpath(RECIPES, f"{source}.yaml")), source
    elif os.path.isfile(source):
        path, name = source, Path(source).stem
    else:
        there_are = f"there are: {', '.join(recipe_names())}"
        raise UserError(f"no recipe named {source}, nor a file{suggestion(source, recipe_names())}; {there_are}")
    try:
        return _recipe(name, load(read_text(path)))
    except (OSError, ValueError, TypeError, AttributeError, UserError) as error:
        raise UserError(f"recipe {source}: {' '.join(str(error).split())}") from error


def _recipe(name: str, values: Any) -> Recipe:
    known = [field.name for field in fields(Recipe) if field.name != "name"]
    values = {**_DEFAULTS, **_keys(values, known, "")}
    missing = [key for key in known if key not in values]
    if missing:
        raise ValueError(f"{missing[0]} is missing")
    values["methods"] = {key: _part(Method, each, f"methods.{key}.") for key, each in values["methods"].items()}
    values["published"] = tuple(_part(Published, each, "published.") for each in values["published"])
    values["seeds"] = tuple(Seed(seed) for seed in values["seeds"])
    values["steps"] = tuple(NonNegativeInt(step) for step in values["steps"])
    for picture, method in values["pictures"].items():
        if method not in values["methods"]:
            raise ValueError(f"pictures.{picture}: there is no method {method}")
    return Recipe(name=name, **values)


def _part(section: type[Part], values: Any, place: str) -> Part:
    given = _keys(values, [field.name for field in fields(section)], place)
    if isinstance(given.get("values"), dict):  # YAML takes numbers of steps for numbers
        given["values"] = {str(key): value for key, value in given["values"].items()}
    return section(**given)


def _keys(values: Any, known: Sequence[str], place: str) -> dict[str, Any]:
    if not isinstance(values, Mapping):
        raise ValueError(f"{place.removesuffix('.') or 'it'} must have keys, got {values}")
    wrong = next((key for key in values if key not in known), None)
    if wrong is not None:
        raise ValueError(f"{place}{wrong} is unknown{suggestion(wrong, known)}")
    return dict(values)


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)
