"""Draws learning curves of MAML, iMAML and linearised iMAML: `cd docs/results/imaml && python figure.py`."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
from matplotlib import pyplot as plt

FOLDER = Path(__file__).parent
METHODS = FOLDER.parent / "navigation2d_methods"
GROUPS = {
    "MAML, 3 seeds": sorted(METHODS.glob("maml_seed?.csv")),
    "iMAML, 3 seeds": sorted(METHODS.glob("imaml_seed?.csv")),
    "linearised iMAML, implicitness 1/2, 3 seeds": sorted(METHODS.glob("linearized_imaml_seed?.csv")),
    "linearised iMAML, implicitness 1, seed 0": [FOLDER / "implicit_seed0.csv"],
}


def curve(path: Path) -> list[float]:
    """Training returns after one step, a number for each meta-iteration."""
    with open(path, newline="") as file:
        return [float(row["return/step_1"]) for row in csv.DictReader(file)]


def main() -> None:
    """Writes learning_curve.png: the mean over seeds, and all of them as a band."""
    figure, axes = plt.subplots(figsize=(6, 3.6), layout="constrained")
    for label, paths in GROUPS.items():
        runs = np.array([curve(path) for path in paths])
        iterations = np.arange(1, runs.shape[1] + 1)
        (line,) = axes.plot(iterations, runs.mean(axis=0), label=label)
        axes.fill_between(iterations, runs.min(axis=0), runs.max(axis=0), color=line.get_color(), alpha=0.2)
    axes.set(xlabel="meta-iteration", ylabel="return after one step", ylim=(-50, -5))
    axes.legend()
    figure.savefig(FOLDER / "learning_curve.png", dpi=120)


if __name__ == "__main__":
    main()
