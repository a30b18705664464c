"""Evaluations are kept, made again when runs changed, and never mixed with those of other settings."""

import json
from dataclasses import replace

import pytest
from recipes import write_recipe

from mamlrl import train
from mamlrl.errors import UserError
from mamlrl.reproduction import evaluation
from mamlrl.reproduction.evaluation import evaluate_method
from mamlrl.reproduction.plan import plan_runs
from mamlrl.reproduction.recipe_files import read_recipe


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """Two seeds of an initialisation."""
    folder = tmp_path_factory.mktemp("runs")
    recipe = read_recipe(write_recipe(folder / "tiny.yaml"))
    for seed in (0, 1):
        train(recipe.experiment("random", seed), folder / "random" / f"seed{seed}")
    return plan_runs(recipe, ["random"], [0, 1], folder)


def test_records_are_those_of_evaluate(runs, tmp_path):
    records = evaluate_method(runs, (), tmp_path / "new" / "evaluation.json")
    for run, record in zip(runs, records, strict=True):
        expected = run.saved.evaluate(run.experiment)
        assert [row["mean"] for row in record["steps"]] == pytest.approx(list(expected.returns.mean(axis=1)))
        assert record["tasks"] == expected.tasks.tolist()
        assert record["seed"] == run.experiment.seed
    assert json.loads((tmp_path / "new" / "evaluation.json").read_text()) == records


def test_an_evaluation_is_made_once(runs, tmp_path, monkeypatch):
    file = tmp_path / "evaluation.json"
    first = evaluate_method(runs, (), file)
    monkeypatch.setattr(evaluation, "check_repetitions", lambda *arguments: pytest.fail("evaluates again"))
    assert evaluate_method(runs, (), file) == first


def test_one_more_seed_is_evaluated_with_the_others(runs, tmp_path):
    file = tmp_path / "evaluation.json"
    (alone,) = evaluate_method(runs[:1], (), file)
    first, second = evaluate_method(runs, (), file)
    assert first == alone
    assert second["seed"] == 1


def test_a_chosen_step_size_is_recorded_and_taken(runs, tmp_path):
    records = evaluate_method(runs, (0.1, 2.0), tmp_path / "evaluation.json")
    choice = records[0]["step_size_choice"]
    scores = choice["scores"]
    assert choice["step_size"] == float(max(scores, key=scores.get))
    for run, record in zip(runs, records, strict=True):
        settings = replace(run.experiment.evaluation, first_step_size=choice["step_size"])
        expected = run.saved.evaluate(replace(run.experiment, evaluation=settings))
        assert [row["mean"] for row in record["steps"]] == pytest.approx(list(expected.returns.mean(axis=1)))


def test_other_settings_are_refused_by_name(runs, tmp_path):
    file = tmp_path / "evaluation.json"
    evaluate_method(runs, (), file)
    before = file.read_text()
    settings = replace(runs[0].experiment.evaluation, tasks=7)
    others = [replace(run, experiment=replace(run.experiment, evaluation=settings)) for run in runs]
    with pytest.raises(UserError, match=r"^evaluation\.tasks: .* was made with 3, not 7; choose another --output"):
        evaluate_method(others, (), file)
    with pytest.raises(UserError, match=r"^evaluation\.step_sizes: .* was made with \[\], not \[0\.1\]"):
        evaluate_method(runs, (0.1,), file)
    assert file.read_text() == before


@pytest.mark.parametrize("text", ["", "{}", "[1]", '[{"made_of": {}}]'])
def test_a_damaged_file_is_refused(runs, tmp_path, text):
    file = tmp_path / "evaluation.json"
    file.write_text(text)
    with pytest.raises(UserError, match="is not a file of evaluations to go on with"):
        evaluate_method(runs, (), file)


@pytest.mark.parametrize("key", ["checkpoint", "iteration", "metric", "seed", "tasks", "steps", "made_of"])
def test_a_file_with_something_missing_is_refused(runs, tmp_path, key):
    file = tmp_path / "evaluation.json"
    record = dict.fromkeys(("checkpoint", "iteration", "metric", "seed", "tasks"), 1)
    record |= {"steps": [{"mean": 1.0, "interval_95": None}], "made_of": {"settings": {}}}
    file.write_text(json.dumps([{name: value for name, value in record.items() if name != key}]))
    with pytest.raises(UserError, match=f"is not a file of evaluations to go on with: '{key}'; move it away"):
        evaluate_method(runs[:1], (), file)
