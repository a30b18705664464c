"""Writes the tables and figures of `mamlrl reproduce navigation2d` from the evaluations in this folder.

python docs/results/navigation2d_methods/compare.py [OUTPUT]
"""

import json
import sys
from collections.abc import Sequence
from pathlib import Path

from mamlrl.reproduction.plan import plan_runs
from mamlrl.reproduction.recipe import read_recipe
from mamlrl.reproduction.report import write_learning_curves, write_tables

HERE = Path(__file__).parent
COMMAND = "python docs/results/navigation2d_methods/compare.py"


def main(arguments: Sequence[str] | None = None) -> None:
    """Writes to a folder, by default to this one; methods without an evaluation are left out."""
    output = Path(next(iter(sys.argv[1:] if arguments is None else arguments), HERE))
    recipe = read_recipe("navigation2d")
    files = {method: HERE / f"{method}.json" for method in recipe.methods}
    records = {method: json.loads(file.read_text()) for method, file in files.items() if file.exists()}
    runs = {
        method: plan_runs(recipe, [method], [each["seed"] for each in found], output, runs=[str(HERE)])
        for method, found in records.items()
    }
    write_tables(recipe, runs, records, output, COMMAND)
    write_learning_curves(recipe, runs, output)


if __name__ == "__main__":
    main()
