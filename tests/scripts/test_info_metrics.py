"""Numbers from the environment, and the spread over tasks: CSV, TensorBoard, JSON, tables, figures."""

import json

import numpy as np
import pytest
from programs import ONE, deterministic_rows, run
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from mamlrl.figures.curve_files import runs_by_label
from mamlrl.figures.evaluation_files import records_by_label
from mamlrl.runs.metrics_file import read_metrics

INFO = '--env.info={"success": "any", "goal_distance": "last"}'


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    folder = tmp_path_factory.mktemp("trained")
    assert run("train", *ONE, INFO, "--output", folder / "told") == 0
    assert run("train", *ONE, "--output", folder / "bare") == 0
    assert run("evaluate", folder / "told", "--json", folder / "e.json") == 0
    return folder


def test_a_row_has_each_number_after_each_step_and_nothing_else_changes(trained):
    [told], [bare] = (deterministic_rows(trained / name) for name in ("told", "bare"))
    new = [f"{key}/step_{step}" for key in ("success", "goal_distance") for step in (0, 1)]
    assert set(told) - set(bare) == set(new)
    assert {name: told[name] for name in bare} == bare
    assert 0 < float(told["goal_distance/step_0"]) < 2


def test_events_have_them_and_the_spread_and_the_speed(trained):
    events = EventAccumulator(str(trained / "told" / "tensorboard")).Reload()
    row = read_metrics(trained / "told" / "metrics.csv")[0]
    names = ["success/step_1", "goal_distance/step_0", "return_std/step_0", "worst_return/step_1"]
    for name in [*names, "env_steps_per_second"]:
        tag = f"sampling/{name}" if name == "env_steps_per_second" else name
        assert events.Scalars(tag)[0].value == pytest.approx(row[name])
    assert row["env_steps_per_second"] == pytest.approx(row["env_steps"] / row["seconds/sampling"])


def test_an_evaluation_has_them_with_intervals_and_for_each_task(trained, capsys):
    [record] = json.loads((trained / "e.json").read_text())
    assert record["info"] == {"success": "any", "goal_distance": "last"}
    for row in record["steps"]:
        distances, returns = row["goal_distance_tasks"], row["returns"]
        assert row["goal_distance"] == pytest.approx(np.mean(distances))
        assert row["goal_distance_interval_95"] == pytest.approx(4.302653 * np.std(distances, ddof=1) / 3**0.5)
        assert (row["return_std"], row["worst_return"]) == pytest.approx((np.std(returns, ddof=1), min(returns)))
    assert run("evaluate", trained / "told") == 0
    last = record["steps"][-1]
    spread = f"std {last['return_std']:.2f}, worst task {last['worst_return']:.2f}; success "
    assert spread in capsys.readouterr().out.splitlines()[-1]


def test_figures_show_the_metric_that_is_named(trained, tmp_path):
    told, file = trained / "told", trained / "e.json"
    for arguments in [("curves", told), ("adaptation", file)]:
        assert run("plot", *arguments, "--metric=goal_distance", "--output", tmp_path / f"{arguments[0]}.png") == 0
    assert runs_by_label([told], "kl")["told"]
    [[row, *_]] = [record["steps"] for record in records_by_label([file], "goal_distance")["e"]]
    saved = json.loads(file.read_text())[0]["steps"][0]
    assert row == {
        "step": 0,
        "mean": saved["goal_distance"],
        "interval_95": saved["goal_distance_interval_95"],
    }
    assert [each["mean"] for each in records_by_label([file], "return")["e"][0]["steps"]] == [
        each["mean"] for each in json.loads(file.read_text())[0]["steps"]
    ]


@pytest.mark.parametrize(
    ("figure", "name", "metric", "words"),
    [
        ("curves", "told", "sucess", "told has no metric sucess; did you mean success?"),
        ("curves", "bare", "success", "bare has no metric success"),
        ("adaptation", "e.json", "goal", "e has no metric goal; did you mean goal_distance?"),
        ("paths", "told", "success", "paths figures show no metric"),
    ],
)
def test_metrics_that_there_are_not(trained, tmp_path, figure, name, metric, words, capsys):
    output = tmp_path / "x.png"
    assert run("plot", figure, trained / name, "--metric", metric, "--output", output) == 2
    assert words in capsys.readouterr().err
    assert not output.exists()
