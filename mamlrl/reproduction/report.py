"""What a comparison leaves in its folder: tables as Markdown and JSON, figures of all methods, pictures."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from mamlrl._version import __version__
from mamlrl.errors import UserError
from mamlrl.figures.build import FILMS
from mamlrl.figures.film import VideoConfig
from mamlrl.figures.image_file import write_figure
from mamlrl.figures.method_curves import (
    adaptation_curve,
    adaptation_figure,
    learning_curve,
    learning_figure,
)
from mamlrl.figures.navigation_paths import navigation_paths
from mamlrl.figures.regression_fits import regression_fits
from mamlrl.files import write_text
from mamlrl.metric_names import ENV_STEPS, headline
from mamlrl.reproduction.plan import PlannedRun
from mamlrl.reproduction.recipe import Recipe
from mamlrl.reproduction.tables import markdown, method_row

Records = list[dict[str, Any]]
DRAWN_TASKS = 4
DECIMALS = {"return": 2}  # of other metrics 3


def write_tables(
    recipe: Recipe,
    runs: Mapping[str, Sequence[PlannedRun]],
    records: Mapping[str, Records],
    output: Path,
    command: str,
    quick: bool = False,
) -> str:
    """Writes `table.md`, `table.json` and `adaptation.png`; returns the Markdown.

    Args:
        recipe: The comparison.
        runs: Runs by method.
        records: Their evaluations by method.
        output: Folder to write to.
        command: What makes them.
        quick: Whether everything was small, so that nothing published is comparable.
    """
    rows = [method_row(recipe, method, runs[method], records[method], quick) for method in runs]
    metric = next(iter(records.values()))[0]["metric"]
    text = markdown(recipe, rows, metric, DECIMALS.get(metric, 3), command, quick)
    chosen = () if quick else recipe.published
    published = {f"{each.label} ({each.source})": each.means for each in chosen}
    content = {
        "mamlrl_version": __version__,
        "command": command,
        "quick": quick,
        "metric": metric,
        "methods": rows,
    }
    output.mkdir(parents=True, exist_ok=True)
    write_text(output / "table.json", json.dumps({**content, "published": published}, indent=1) + "\n")
    write_text(output / "table.md", text)
    curves = [adaptation_curve(row["label"], row["means"], row["intervals_95"]) for row in rows]
    over = " or ".join(sorted({row["over"] for row in rows}))
    figure = adaptation_figure(
        curves, list(recipe.labels.values()), published, metric, f"95% intervals over {over}"
    )
    write_figure(figure, output / "adaptation.png")
    return text


def write_learning_curves(recipe: Recipe, runs: Mapping[str, Sequence[PlannedRun]], output: Path) -> None:
    """Writes `learning.png`, of the methods whose metrics are there; nothing if there are none."""
    found = {method: [rows for run in each if (rows := run.metrics())] for method, each in runs.items()}
    found = {method: rows for method, rows in found.items() if rows}
    if found:
        curves = [learning_curve(recipe.labels[method], rows) for method, rows in found.items()]
        first, order = next(iter(found.values()))[0][0], list(recipe.labels.values())
        write_figure(learning_figure(curves, order, headline(first), ENV_STEPS in first), output / "learning.png")


def write_pictures(recipe: Recipe, runs: Mapping[str, Sequence[PlannedRun]], output: Path) -> list[str]:
    """Writes the pictures that the recipe asks for, of the first seed of a method.

    Returns:
        Why some could not be drawn, such as a film where there is no graphics driver.
    """
    failures = []
    for picture, method in recipe.pictures.items():
        if method in runs:
            try:
                _draw(picture, runs[method][0], output)
            except UserError as error:
                failures.append(f"{picture} could not be drawn: {error}")
    return failures


def _draw(picture: str, run: PlannedRun, output: Path) -> None:
    saved, experiment = run.saved, run.experiment
    assert saved is not None
    few = replace(experiment, evaluation=replace(experiment.evaluation, tasks=DRAWN_TASKS))
    if picture == "film":
        film = FILMS.choose(f"{saved.path} cannot be filmed: its kind", experiment.kind)
        film(few, lambda: saved.evaluate(few), VideoConfig(tasks=(0, 1), size=160), output / "film.gif")
    elif picture == "paths":
        write_figure(navigation_paths(saved.evaluate(few).paths()), output / "paths.png")
    else:
        write_figure(regression_fits(saved.evaluate(few).fits()), output / "fits.png")
