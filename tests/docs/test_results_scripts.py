"""The programs beside the results work, on experiments small enough for tests."""

import importlib.util
import json
from pathlib import Path

import numpy as np
import pytest
import torch

from mamlrl import load_checkpoint, load_config, make_learner
from mamlrl.losses.likelihood import negative_log_likelihood
from mamlrl.losses.task_losses import TaskLosses
from mamlrl.supervised.sinusoid import Sinusoid

RESULTS = Path(__file__).parents[2] / "docs" / "results"


def load(script):
    """Imports a program by its path."""
    spec = importlib.util.spec_from_file_location(Path(script).stem, RESULTS / script)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_best_return_without_distances_is_the_documented_one():
    best, distance, mean_distance = load("navigation2d/direction_only.py").best_return(40)
    assert (round(best, 2), round(distance, 2), round(mean_distance, 3)) == (-12.6, 0.48, 0.399)


@pytest.fixture
def averaged_networks(monkeypatch):
    script = load("sinusoid/averaged_networks.py")
    monkeypatch.setattr(script, "NUM_TASKS", 3)
    monkeypatch.setattr(script, "STEPS", 100)
    return script


def trained_networks(script, regularisation, weight):
    """Losses of the networks before and after training, shape (task,), and their parameters, (task, P)."""
    network = Sinusoid().make_network(load_config("sinusoid").network)
    rng = np.random.default_rng(0)
    data = Sinusoid().sample(rng, script.NUM_TASKS, script.EXAMPLES, 1).support
    generator = torch.Generator().manual_seed(0)
    start = torch.stack([network.init(generator) for _ in range(script.NUM_TASKS)])
    losses = TaskLosses(network, negative_log_likelihood(network.distribution), data)
    before = losses(start)
    params = script.train(network, start.clone(), data, rng, regularisation, weight)
    return before, losses(params), params


def test_a_network_of_each_task_learns_it(averaged_networks):
    before, after, _ = trained_networks(averaged_networks, "none", 0.0)
    assert (after < before - 0.1).all()


def test_networks_are_pulled_to_0_or_to_their_mean(averaged_networks):
    free, to_zero, to_mean = (trained_networks(averaged_networks, name, 1.0)[2] for name in ("none", "l2", "mean"))
    assert to_zero.norm() < 0.8 * free.norm()
    assert (to_mean - to_mean.mean(dim=0)).norm() < 0.8 * (free - free.mean(dim=0)).norm()


def test_the_average_is_a_checkpoint_of_the_experiment(averaged_networks, tmp_path, capsys):
    averaged_networks.main(["mean", "0.1", str(tmp_path / "averaged.pt")])
    assert "mean squared error of the networks" in capsys.readouterr().out
    config, state = load_checkpoint(tmp_path / "averaged.pt")
    assert config == load_config("sinusoid", ["--config=first_order"])
    assert state["params"].shape == make_learner(config).params.shape


@pytest.mark.parametrize("folder", sorted(path.parent.name for path in RESULTS.glob("*_methods/table.md")))
def test_the_comparison_of_methods_is_that_of_the_files_beside_it(folder, tmp_path, monkeypatch):
    monkeypatch.chdir(RESULTS.parents[1])
    script, recipe = json.loads((RESULTS / folder / "table.json").read_text())["command"].split()[1:]
    load(f"../{Path(script).name}").main([recipe, str(tmp_path)])
    for name in ("table.md", "table.json"):
        assert (tmp_path / name).read_text() == (RESULTS / folder / name).read_text()
    assert {"adaptation.png", "learning.png"} <= {path.name for path in tmp_path.iterdir()}


def test_evaluations_are_shortened_to_what_tables_need(tmp_path):
    step = {"step": 0, "mean": 1.5, "returns": [1.0, 2.0]}
    records = [{"tasks": [[0.0], [1.0]], "steps": [step]}, {"tasks": 200, "steps": [{"step": 0, "mean": 2.0}]}]
    (tmp_path / "evaluation.json").write_text(json.dumps(records))
    load("../brief.py").main([str(tmp_path / "evaluation.json")])
    assert json.loads((tmp_path / "evaluation.json").read_text()) == [
        {"tasks": 2, "steps": [{"step": 0, "mean": 1.5}]},
        {"tasks": 200, "steps": [{"step": 0, "mean": 2.0}]},
    ]
