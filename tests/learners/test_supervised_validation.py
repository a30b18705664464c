"""Runs on images are judged by classes that they do not train on."""

import numpy as np
import pytest
import torch
from image_folders import make_mini_imagenet, make_omniglot, options, write_split
from programs import run

from mamlrl.experiments.command_line import load_config
from mamlrl.learners.build import make_learner
from mamlrl.learners.supervised import VALIDATION_SEED
from mamlrl.runs.checkpoints import load_checkpoint
from mamlrl.runs.metrics_file import read_metrics
from mamlrl.runs.saved import best_checkpoint
from mamlrl.supervised.build import make_supervised_tasks

DATA_SETS = {
    "omniglot_5way_1shot": make_omniglot,
    "strokes": make_omniglot,
    "mini_imagenet_5way_1shot": make_mini_imagenet,
}


def rows_of(images):
    """The set of images, each as its bytes."""
    return {image.numpy().tobytes() for image in images.flatten(0, 1)}


@pytest.mark.parametrize("config", DATA_SETS)
def test_validation_tasks_are_of_the_validation_classes_without_rotations(config, tmp_path):
    DATA_SETS[config](tmp_path)
    learner = make_learner(load_config(config, options(config, tmp_path)[1:]))
    splits = {
        split: {image.tobytes() for image in make_supervised_tasks(learner.config.data, split).images.images}
        for split in ("train", "val", "test")
    }
    validation = learner._validation
    seen = rows_of(validation.support.observations) | rows_of(validation.query.observations)
    assert seen <= splits["val"]
    assert not seen & (splits["train"] | splits["test"])
    training = learner.sample()
    assert rows_of(training.support.observations) <= splits["train"]


def test_the_score_is_that_of_the_validation_tasks(tmp_path):
    config = load_config("strokes", options("strokes", make_omniglot(tmp_path))[1:])
    learner = make_learner(config)
    learner.step()
    report = learner.report()
    tasks = make_supervised_tasks(config.data, "val")
    examples = tasks.sample(np.random.default_rng(VALIDATION_SEED), 8, 1, 2)
    adaptation = learner.inner_loop.adapt(learner.params, examples.support)
    expected = learner.inner_loop.measure(tasks, adaptation, examples.query)["loss"][-1].mean()
    assert report.score == pytest.approx(-expected)


def test_the_best_checkpoint_is_that_of_the_validation_tasks(tmp_path):
    folder = tmp_path / "run"
    assert run("train", *options("strokes", make_omniglot(tmp_path / "data")), "--output", folder) == 0
    rows = read_metrics(folder / "metrics.csv")
    best = min(rows, key=lambda row: row["loss/step_1"])
    assert load_checkpoint(best_checkpoint(folder))[1]["iteration"] == best["iteration"]


def test_the_sinusoids_validation_tasks_are_fresh_draws():
    config = load_config("sinusoid", ["--compile=false", "--data.validation_tasks=4"])
    learner, data = make_learner(config), config.data
    rng = np.random.default_rng(VALIDATION_SEED)
    expected = make_supervised_tasks(data, "test").sample(rng, 4, data.shots, data.queries)
    assert torch.equal(learner._validation.query.targets, expected.query.targets)
    assert "classes" not in learner.state_dict()


def test_too_few_validation_classes_are_refused_with_what_the_splits_have(tmp_path, capsys):
    data = make_omniglot(tmp_path / "data")
    assert run("train", *options("strokes", data), "--data.ways=3", "--output", tmp_path / "run") == 2
    error = capsys.readouterr().err
    assert "data.ways: cannot draw 3 classes a task from 2" in error
    assert f"split val of {data} (classes: 5 train, 2 val, 3 test)" in error
    assert error.count("\n") == 1
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("damage", ["missing", "garbage", "too few"])
def test_mini_imagenets_val_csv_is_read_in_training(damage, tmp_path, capsys):
    table = make_mini_imagenet(tmp_path / "data") / "val.csv"
    if damage == "missing":
        table.unlink()
    elif damage == "garbage":
        table.write_text("garbage")
    else:
        write_split(table, [(f"nval0000{image:08}.jpg", "nval0000") for image in range(3)])
    assert run("train", *options("mini_imagenet_5way_1shot", tmp_path / "data"), "--output", tmp_path / "run") == 2
    assert str(table) in capsys.readouterr().err
    assert not (tmp_path / "run").exists()
