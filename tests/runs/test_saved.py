"""Saved runs: checkpoints found, read and evaluated."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from programs import TINY
from sinusoids import tiny

from mamlrl.errors import UserError
from mamlrl.evaluation.build import evaluate
from mamlrl.experiments.command_line import load_config
from mamlrl.runs.checkpoints import load_checkpoint, save_checkpoint
from mamlrl.runs.saved import SavedRun, best_checkpoint, latest_checkpoint
from mamlrl.runs.training import train


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """A run of each kind."""
    folder = tmp_path_factory.mktemp("runs")
    configs = {"policy": load_config("navigation2d", [*TINY[1:], "--iterations=2"]), "supervised": tiny()}
    for kind, config in configs.items():
        train(config, folder / kind)
    return folder


every_kind = pytest.mark.parametrize("kind", ["policy", "supervised"])


def test_checkpoints_lie_in_a_folder_of_their_own():
    assert latest_checkpoint(Path("a/b")) == Path("a/b/checkpoints/latest.pt")
    assert best_checkpoint(Path("a/b")) == Path("a/b/checkpoints/best.pt")


@every_kind
def test_of_a_folder_the_latest_checkpoint_is_read(runs, kind):
    saved = SavedRun.load(runs / kind)
    config, state = load_checkpoint(latest_checkpoint(runs / kind))
    assert (saved.path, saved.experiment) == (latest_checkpoint(runs / kind), config)
    assert saved.experiment.kind == kind
    assert saved.state["iteration"] == state["iteration"] == config.iterations
    assert torch.equal(saved.state["params"], state["params"])


@every_kind
def test_a_file_is_read_as_it_is(runs, kind):
    path = best_checkpoint(runs / kind)
    saved = SavedRun.load(path)
    assert saved.path == path
    assert torch.equal(saved.state["params"], load_checkpoint(path)[1]["params"])


@every_kind
def test_its_parameters_are_evaluated_as_an_experiment_says(runs, kind):
    saved = SavedRun.load(runs / kind)
    experiment = replace(saved.experiment, evaluation=replace(saved.experiment.evaluation, steps=1))
    evaluation = saved.evaluate(experiment)
    expected = evaluate(experiment, saved.state["params"])
    assert evaluation.experiment == experiment
    assert evaluation.metrics.keys() == expected.metrics.keys()
    for name, values in expected.metrics.items():
        assert values.shape[0] == 2
        np.testing.assert_array_equal(evaluation.metrics[name], values)


@every_kind
def test_an_evaluation_that_fails_names_the_file(runs, kind):
    saved = SavedRun.load(runs / kind)
    wrong = replace(saved, state={**saved.state, "params": torch.zeros(7)})
    with pytest.raises(UserError, match=f"^{saved.path}: the checkpoint holds .7,. parameters"):
        wrong.evaluate(saved.experiment)


def test_what_is_not_there_is_named(tmp_path):
    with pytest.raises(UserError, match=f"^no checkpoint at {tmp_path}/none.pt$"):
        SavedRun.load(tmp_path / "none.pt")
    with pytest.raises(UserError, match=f"^no checkpoint at {latest_checkpoint(tmp_path)}$"):
        SavedRun.load(tmp_path)


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        ({"seed": -1}, "seed must be .*"),
        ({"data": {"shots": 3}}, "Option 'data.shots' is not accepted; data.shots is a setting of .*"),
        ({"kind": "my_module:kind"}, r"kind my_module:kind cannot be imported \(No module named 'my_module'\).*"),
    ],
)  # fmt: skip
def test_an_experiment_that_cannot_be_used_is_named_with_its_file(tmp_path, values, reason):
    path = tmp_path / "checkpoint.pt"
    save_checkpoint(path, load_config("navigation2d"), {"params": torch.zeros(3), "iteration": 1})
    content = torch.load(path, weights_only=True)
    torch.save({**content, "config": {**content["config"], **values}}, path)
    with pytest.raises(UserError, match=f"^{path} holds an experiment that cannot be used: {reason}$"):
        SavedRun.load(path)
