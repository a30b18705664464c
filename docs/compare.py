"""Writes tables and figures of `mamlrl reproduce` from the policies and evaluations that are kept in docs/results.

    python docs/compare.py navigation2d
    python docs/compare.py half_cheetah_velocity OUTPUT

Those of a recipe are in CONFIG_methods; MAML's may be those of the config itself, in CONFIG.
"""

import json
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path

from mamlrl.reproduction.plan import plan_runs
from mamlrl.reproduction.recipe_files import read_recipe
from mamlrl.reproduction.report import write_learning_curves, write_tables

RESULTS = Path(__file__).parent / "results"


def main(arguments: Sequence[str]) -> None:
    """Writes to a folder, by default to that of the methods; those without an evaluation are left out."""
    recipe = read_recipe(arguments[0])
    alone, folder = RESULTS / recipe.config, RESULTS / f"{recipe.config}_methods"
    output = Path(arguments[1]) if len(arguments) > 1 else folder
    files = {method: folder / f"{method}.json" for method in recipe.methods}
    if not files["maml"].exists():
        files["maml"] = alone / "evaluation.json"
    records = {method: json.loads(file.read_text()) for method, file in files.items() if file.exists()}
    places = [str(folder), *([f"maml={alone}"] if alone.is_dir() else [])]
    runs = {
        method: plan_runs(recipe, [method], [each["seed"] for each in found], output, runs=places)
        for method, found in records.items()
    }
    command = shlex.join(["python", "docs/compare.py", arguments[0]])
    write_tables(recipe, runs, records, output, command)
    write_learning_curves(recipe, runs, output)


if __name__ == "__main__":
    main(sys.argv[1:])
