"""Tables: means and intervals over seeds or tasks, published numbers beside them."""

import json
from types import SimpleNamespace

import pytest
from recipes import write_recipe
from scipy import stats

from mamlrl.reproduction.recipe_files import read_recipe
from mamlrl.reproduction.report import write_learning_curves, write_tables
from mamlrl.reproduction.tables import markdown, method_row

MEANS = ([-40.0, -10.0], [-42.0, -14.0], [-44.0, -12.0])


def record(seed, means, **others):
    steps = [{"step": step, "mean": mean, "interval_95": 0.5} for step, mean in enumerate(means)]
    return {
        "seed": seed,
        "checkpoint": f"{seed}.pt",
        "iteration": 60,
        "metric": "return",
        "tasks": 7,
        "steps": steps,
    } | others


def run_of(*env_steps):
    rows = [
        {"iteration": i, "env_steps": each, "return/step_0": -9.0, "return/step_1": -8.0 - i}
        for i, each in enumerate(env_steps)
    ]
    return SimpleNamespace(metrics=lambda: rows)


@pytest.fixture
def recipe(tmp_path):
    return read_recipe(write_recipe(tmp_path / "tiny.yaml"))


def test_several_seeds_have_an_interval_over_seeds(recipe):
    records = [record(seed, means) for seed, means in enumerate(MEANS)]
    row = method_row(recipe, "maml", [run_of(10, 20), run_of(10, 40), run_of()], records)
    assert (row["over"], row["tasks"], row["means"]) == ("seeds", 7, [-42.0, -12.0])
    half_width = stats.t.ppf(0.975, 2) * 2.0 / 3**0.5  # the standard deviation is 2 in both columns
    assert row["intervals_95"] == pytest.approx([half_width, half_width])
    assert row["env_steps"] == 30
    assert [seed["means"] for seed in row["seeds"]] == list(MEANS)


def test_one_seed_has_an_interval_over_tasks(recipe):
    row = method_row(recipe, "maml", [run_of()], [record(0, MEANS[0], tasks=[[0.1], [0.2]])])
    assert (row["over"], row["tasks"], row["intervals_95"], row["env_steps"]) == ("tasks", 2, [0.5, 0.5], None)


def test_the_page_has_a_row_for_each_method_and_for_what_was_published(recipe):
    choice = {"step_size": 2.0, "scores": {"0.1": -3.0, "2": -2.0}, "tasks": 40, "seed": 1}
    rows = [
        method_row(
            recipe, "maml", [run_of(2_500_000)] * 3, [record(seed, each) for seed, each in enumerate(MEANS)]
        ),
        method_row(recipe, "random", [run_of()], [record(0, [-50.0, -49.0], step_size_choice=choice)]),
        method_row(recipe, "oracle", [run_of()], [record(0, [-1.0])]),
    ]
    lines = markdown(recipe, rows, "return", 2, "mamlrl reproduce x").splitlines()
    assert lines[0] == "# Tiny navigation"
    table = [[cell.strip() for cell in line.split("|")[1:-1]] for line in lines if line.startswith("|")]
    assert table[0] == ["", "0 steps", "1 step", "tasks", "seeds", "step size", "iterations", "env steps"]
    assert table[2] == ["MAML", "-42.00 +- 4.97", "-12.00 +- 4.97", "7", "3", "", "60", "2.50 M"]
    assert table[3] == ["random", "-50.00 +- 0.50", "-49.00 +- 0.50", "7", "1", "2", "60", ""]
    assert table[4] == ["oracle", "-1.00 +- 0.50", "", "7", "1", "", "60", ""]
    assert table[5] == ["MAML (Table 4)", "-40.41", "-11.68", "", "", "", "", ""]
    assert "held-out tasks, the same for all methods, with its 95% interval over seeds or tasks. " in lines[2]
    assert "    mamlrl reproduce x" in lines


def test_what_no_method_has_is_left_out(recipe):
    lines = markdown(recipe, [method_row(recipe, "maml", [run_of(1_440)], [record(0, MEANS[0])])], "mse", 3, "x")
    table = [line for line in lines.splitlines() if line.startswith("|")]
    assert table[0] == "|  | 0 steps | 1 step | tasks | seeds | iterations | env steps |"
    assert table[2] == "| MAML | -40.000 +- 0.500 | -10.000 +- 0.500 | 7 | 1 | 60 | 1,440 |"
    assert "chosen on validation tasks" not in lines
    without = markdown(recipe, [method_row(recipe, "maml", [run_of()], [record(0, MEANS[0])])], "mse", 3, "x")
    assert "env steps" not in without


def test_quick_pages_say_so_and_have_nothing_published(recipe):
    row = method_row(recipe, "maml", [run_of()], [record(0, MEANS[0])], quick=True)
    text = markdown(recipe, [row], "return", 2, "mamlrl reproduce x --quick", quick=True)
    assert "--quick`): the numbers show that it works" in text
    assert "Table 4" not in text


def test_files_are_written(recipe, tmp_path):
    runs = {"maml": [run_of(5, 9), run_of(6, 8)], "oracle": [run_of()]}
    records = {"maml": [record(seed, MEANS[seed]) for seed in (0, 1)], "oracle": [record(0, [-1.0])]}
    text = write_tables(recipe, runs, records, tmp_path / "out", "mamlrl reproduce x")
    write_learning_curves(recipe, runs, tmp_path / "out")
    assert (tmp_path / "out" / "table.md").read_text() == text
    content = json.loads((tmp_path / "out" / "table.json").read_text())
    assert [row["method"] for row in content["methods"]] == ["maml", "oracle"]
    assert content["published"] == {"MAML (Table 4)": {"0": -40.41, "1": -11.68}}
    assert content["command"] == "mamlrl reproduce x"
    for picture in ("adaptation.png", "learning.png"):
        assert (tmp_path / "out" / picture).read_bytes()[:4] == b"\x89PNG"
