"""Recipes in files: read, and checked as far as can be before anything is trained."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import MISSING, fields
from importlib import resources
from pathlib import Path
from typing import Any, TypeVar

from mamlrl.errors import UserError, suggestion
from mamlrl.experiments.files import RECIPES
from mamlrl.reproduction.recipe import Method, Published, Recipe
from mamlrl.settings.plain_yaml import load, read_text
from mamlrl.settings.section import Section

PICTURES = ("paths", "fits", "film")
PROGRAMS = ("kanji", "strokes")  # that draw data
Part = TypeVar("Part", bound=Section)


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
        recipe = _recipe(name, load(read_text(path)))
        _check(recipe)
    except (OSError, ValueError, UserError) as error:
        raise UserError(f"recipe {source}: {' '.join(str(error).split())}") from error
    return recipe


def _recipe(name: str, values: Any) -> Recipe:
    values = {**_keys(values, Recipe, ""), "name": name}
    if "methods" in values:
        methods = _mapping(values["methods"], "methods").items()
        values["methods"] = {key: _part(Method, each, f"methods.{key}.") for key, each in methods}
    if isinstance(values.get("published"), list):
        values["published"] = [_published(each) for each in values["published"]]
    return _part(Recipe, values, "")


def _published(values: Any) -> Published:
    values = dict(_mapping(values, "published"))
    if "values" in values:
        means = _mapping(values["values"], "published.values")
        wrong = next((step for step in means if not str(step).isdecimal()), None)
        if wrong is not None:
            raise ValueError(f"published.values must be by number of steps, got {wrong}")
        values["values"] = {str(step): mean for step, mean in means.items()}  # YAML's numbers as keys
    return _part(Published, values, "published.")


def _part(section: type[Part], values: Any, place: str) -> Part:
    given = _keys(values, section, place)
    required = (each.name for each in fields(section) if each.default is each.default_factory is MISSING)
    missing = next((name for name in required if name not in given), None)
    if missing is not None:
        raise ValueError(f"{place}{missing} is missing")
    return section(**given)


def _keys(values: Any, section: type[Section], place: str) -> Mapping[str, Any]:
    known = [each.name for each in fields(section)]
    wrong = next((key for key in _mapping(values, place.removesuffix(".") or "it") if key not in known), None)
    if wrong is not None:
        raise ValueError(f"{place}{wrong} is unknown{suggestion(wrong, known)}")
    found: Mapping[str, Any] = values
    return found


def _mapping(values: Any, place: str) -> Mapping[Any, Any]:
    if not isinstance(values, Mapping):
        raise ValueError(f"{place} must have keys, got {values}")
    return values


def _check(recipe: Recipe) -> None:
    """Raises a ValueError for what would fail only after everything is trained."""
    for name, values in (("methods", recipe.methods), ("seeds", recipe.seeds)):
        if not values:
            raise ValueError(f"{name} must name one at least")
    for picture, method in recipe.pictures.items():
        if picture not in PICTURES:
            raise ValueError(f"pictures: there is no picture {picture}; take {', '.join(PICTURES)}")
        if method not in recipe.methods:
            raise ValueError(f"pictures.{picture}: there is no method {method}")
    for program, text in [*recipe.data.items(), *recipe.quick_data.items()]:
        if program not in PROGRAMS:
            raise ValueError(f"data: no program {program} draws data; take {', '.join(PROGRAMS)}")
        if not text:
            raise ValueError(f"data: {program} must have a folder")
