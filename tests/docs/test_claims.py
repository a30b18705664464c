"""Every number in the tables of results is that of its file; the slow part makes the files anew."""

import json
import re
import shlex
from pathlib import Path

import numpy as np
import pytest
from programs import run

from mamlrl.evaluation.evaluation import mean_interval
from mamlrl.runs.published import published_card

ROOT = Path(__file__).parents[2]
RESULTS = ROOT / "docs" / "results"
LINES = [
    line for page in (ROOT, RESULTS, RESULTS / "kanji") for line in (page / "README.md").read_text().splitlines()
]
TABLES = sorted(RESULTS.glob("*_methods/table.md"))  # which test_results_scripts.py compares with their files
COMPARED = {line for table in TABLES for line in table.read_text().splitlines() if line.startswith("|")}
STEPS, SINES, IMAGES = (0, 1, 2, 3), (1, 5, 10), (0, 1, 3, 10)

# first cell of a row to the file, the seeds it is of (None: the mean over all), the steps, and the decimals
ROWS = {
    "`navigation2d_tuned`": ("navigation2d_tuned/episodes.json", None, STEPS, 2),
    "config `navigation2d_tuned` (our settings)": ("navigation2d_tuned/episodes.json", None, STEPS, 2),
    "config `navigation2d` (step size of the code)": ("navigation2d/episodes.json", None, STEPS, 2),
    "the same, sampled by transitions as the paper's code does": ("navigation2d/transitions.json", None, STEPS, 2),
    "config `navigation2d_text` (the text's settings)": ("navigation2d_text/episodes.json", None, STEPS, 2),
    "the same, sampled by transitions": ("navigation2d_text/transitions.json", None, STEPS, 2),
    "`half_cheetah_direction`": ("half_cheetah_direction/evaluation.json", 0, STEPS, 2),
    "the same, seed 1": ("half_cheetah_direction/evaluation.json", 1, STEPS, 2),
    "the same, seed 2": ("half_cheetah_direction/evaluation.json", 2, STEPS, 2),
    "`half_cheetah_direction_gymnasium`": ("half_cheetah_direction_gymnasium/evaluation.json", 0, STEPS, 2),
    "`half_cheetah_velocity`": ("half_cheetah_velocity/evaluation.json", 0, STEPS, 2),
    "`half_cheetah_velocity`, seed 1": ("half_cheetah_velocity/evaluation.json", 1, STEPS, 2),
    "`half_cheetah_velocity`, seed 2": ("half_cheetah_velocity/evaluation.json", 2, STEPS, 2),
    "`half_cheetah_direction`, three seeds": ("half_cheetah_direction/evaluation.json", None, STEPS, 2),
    "`half_cheetah_velocity`, three seeds": ("half_cheetah_velocity/evaluation.json", None, STEPS, 2),
    "`ant_velocity`, still rising": ("ant_velocity/evaluation.json", 0, STEPS, 2),
    "`ant_direction`": ("ant_direction/evaluation.json", 0, STEPS, 2),
    "`ant_direction_gymnasium`, still rising": ("ant_direction_gymnasium/evaluation.json", 0, STEPS, 2),
    "MAML, 5 shots": ("sinusoid/maml_5_shots.json", 0, SINES, 3),
    "first-order MAML, 5 shots": ("sinusoid/first_order.json", 0, SINES, 3),
    "Meta-SGD, later steps of 1/20": ("sinusoid/meta_sgd.json", 0, SINES, 3),
    "iMAML, a step being a solution (600 tasks)": ("sinusoid/imaml.json", 0, SINES, 3),
    "pretrained on all tasks, step size 0.01": ("sinusoid/pretrained.json", 0, SINES, 3),
    "oracle, which sees amplitude and phase": ("sinusoid/oracle.json", 0, (0,), 3),
    "a network for each of 500 tasks, averaged": ("sinusoid/averaged_none.json", 0, SINES, 3),
    "the same, pulled to 0": ("sinusoid/averaged_l2.json", 0, SINES, 3),
    "the same, pulled to their mean": ("sinusoid/averaged_mean.json", 0, SINES, 3),
    "MAML (`--config strokes`)": ("strokes/maml.json", 0, IMAGES, 3),
    "first-order MAML (`--config strokes --config first_order`)": ("strokes/first_order.json", 0, IMAGES, 3),
    "iMAML (`--config strokes_imaml`), a step being 16 gradient steps": ("strokes/imaml.json", 0, IMAGES, 3),
    "pretrained, new random head, step size 0.1": ("strokes/random_head.json", 0, IMAGES, 3),
    "pretrained, new head of zeros, step size 0.03": ("strokes/zero_head.json", 0, IMAGES, 3),
    **{
        f"nearest neighbours, {task}": (
            f"kanji/neighbours_{task.replace('-', '').replace(' ', '_')}.json",
            None,
            (0,),
            3,
        )
        for task in ("5-way 1-shot", "5-way 5-shot", "20-way 1-shot", "20-way 5-shot")
    },
}
CHECKPOINTS = sorted(RESULTS.glob("*/evaluation.json"))


def cells(label):
    """The cells with intervals of the rows with a label."""
    rows = [line for line in LINES if line.startswith(f"| {label} |") and "+-" in line]
    return [[cell.strip() for cell in row.split("|") if "+-" in cell] for row in rows]


@pytest.mark.parametrize("label", ROWS)
def test_a_row_is_that_of_its_file(label):
    name, seed, steps, decimals = ROWS[label]
    records = [r for r in json.loads((RESULTS / name).read_text()) if seed is None or r["seed"] == seed]
    expected = []
    for step in steps:
        rows = [record["steps"][step] for record in records]
        mean, width = rows[0]["mean"], rows[0]["interval_95"]
        if len(rows) > 1:
            mean, width = mean_interval([row["mean"] for row in rows])
        expected.append(f"{mean:.{decimals}f} +- {width:.{decimals}f}")
    assert cells(label)
    assert all(row == expected for row in cells(label))


@pytest.mark.parametrize("table", TABLES, ids=lambda path: path.parent.name)
def test_a_comparison_is_shown_as_its_program_wrote_it(table):
    assert {line for line in table.read_text().splitlines() if line.startswith("|")} <= set(LINES)


def test_every_row_with_an_interval_is_checked():
    rows = [line for line in LINES if re.match(r"\|.*\d \+- \d", line) and line not in COMPARED]
    assert {row.split("|")[1].strip() for row in rows} == set(ROWS)


@pytest.mark.slow
@pytest.mark.parametrize("path", CHECKPOINTS, ids=lambda path: path.parent.name)
def test_the_commands_of_cards_make_the_file(path, tmp_path):
    checkpoints = sorted(path.parent.glob("seed*.pt"))
    card = published_card(f"{path.parent.name}/{checkpoints[0].stem}")  # other seeds have its options
    options = shlex.split(card["evaluation"]["command"])[3:]
    assert run("evaluate", *checkpoints, *options, "--json", tmp_path / "evaluation.json") == 0
    recorded, made = (json.loads(file.read_text()) for file in (path, tmp_path / "evaluation.json"))
    for before, now in zip(recorded, made, strict=True):
        means = [[row["mean"] for row in record["steps"]] for record in (before, now)]
        np.testing.assert_allclose(*means, rtol=0.02, atol=1.5)
