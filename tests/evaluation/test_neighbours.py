"""Nearest neighbours against SciPy's trees, on the tasks that networks are evaluated on."""

import json

import numpy as np
import pytest
from image_folders import make_omniglot, options
from programs import run
from scipy.spatial import KDTree

from mamlrl.evaluation.neighbours import evaluate_neighbours, nearest_is_right
from mamlrl.evaluation.supervised import evaluate_supervised
from mamlrl.experiments.command_line import load_config
from mamlrl.learners.build import make_learner
from mamlrl.supervised.build import make_supervised_tasks


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return make_omniglot(tmp_path_factory.mktemp("data") / "omniglot", characters=14)


def config(folder, *more):
    name, *rest = options("omniglot_5way_1shot", folder)
    return load_config(name.removeprefix("--config="), [*rest, "--evaluation.tasks=7", *more])


@pytest.mark.parametrize("shots", [1, 2])
def test_the_nearest_is_that_of_a_tree(folder, shots):
    tasks = make_supervised_tasks(config(folder).data, "train")
    examples = tasks.sample(np.random.default_rng(0), 20, shots, 2)
    correct = nearest_is_right(examples)
    support, query = (each.observations.flatten(2).double().numpy() for each in (examples.support, examples.query))
    for task in range(20):
        _, nearest = KDTree(support[task]).query(query[task])
        expected = examples.support.targets[task].numpy()[nearest] == examples.query.targets[task].numpy()
        np.testing.assert_array_equal(correct[task].numpy(), expected)
    assert 0 < correct.double().mean() < 1


def test_an_image_that_is_an_example_is_recognised(folder):
    examples = make_supervised_tasks(config(folder).data, "train").sample(np.random.default_rng(0), 5, 2, 1)
    assert nearest_is_right(type(examples)(examples.support, examples.support)).all()


def test_the_tasks_are_those_that_networks_are_evaluated_on(folder):
    experiment = config(folder)
    adapted = evaluate_supervised(experiment, make_learner(experiment).params)
    evaluation = evaluate_neighbours(experiment)
    expected = nearest_is_right(adapted.examples).double().mean(dim=1)
    np.testing.assert_array_equal(evaluation.metrics["accuracy"], [expected.numpy()])
    assert evaluation.sample_size() == "7 tasks x 2 ways x 1 shots"


def test_the_program_writes_its_table_and_record(folder, tmp_path, capsys):
    given = [*options("omniglot_5way_1shot", folder), "--evaluation.tasks=7"]
    assert run("neighbours", *given, "--json", tmp_path / "record.json") == 0
    (row,) = evaluate_neighbours(config(folder)).summary()
    text = capsys.readouterr().out
    assert "7 tasks x 2 ways x 1 shots, mean accuracy" in text
    assert f"{row['mean']:.3f} +- {row['interval_95']:.3f}" in text
    (record,) = json.loads((tmp_path / "record.json").read_text())
    assert record["steps"] == [row]
    assert (record["metric"], record["ways"], record["tasks"]) == ("accuracy", 2, 7)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("navigation2d", "kind: policy has no images"),
        ("sinusoid", "data.dataset: nearest neighbours classify images"),
    ],
)
def test_other_experiments_are_refused(name, message, tmp_path, capsys):
    assert run("neighbours", f"--config={name}", "--json", tmp_path / "record.json") == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1
    assert not (tmp_path / "record.json").exists()
