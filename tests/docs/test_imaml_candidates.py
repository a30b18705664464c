"""The candidates of docs/results/imaml are what they say, and their comparison runs."""

import csv
import sys
from dataclasses import replace
from importlib import import_module
from pathlib import Path

import pytest
import torch
from adapted_problems import TASKS
from problems import make_batch, make_params, make_policy, relative_error

from mamlrl.adaptation.build import ESTIMATORS
from mamlrl.adaptation.estimator import Estimator
from mamlrl.losses.build import INNER_LOSSES
from mamlrl.losses.policy_losses import Surrogate
from mamlrl.losses.task_losses import TaskLosses

FOLDER = Path(__file__).parents[2] / "docs" / "results" / "imaml"
MODULES = ("candidates", "candidate_rules", "fixed_data")


@pytest.fixture
def fixed_data(monkeypatch):
    """The comparison's module; what it registers is forgotten."""
    for registry in (ESTIMATORS, INNER_LOSSES):
        monkeypatch.setattr(registry, "_entries", dict(registry._entries))
    monkeypatch.syspath_prepend(FOLDER)
    yield import_module("fixed_data")
    for name in MODULES:
        del sys.modules[name]


def test_every_candidates_pullback_is_the_transpose_of_its_pushforward(fixed_data):
    torch.manual_seed(0)
    policy = make_policy()
    params = make_params(policy)
    batch = make_batch(policy, params)
    batch = replace(batch, advantages=0.1 * batch.advantages)  # so that no system is indefinite
    losses = TaskLosses(policy, Surrogate(policy.distribution), batch)
    for name, make in fixed_data.candidates.RULES.items():
        estimator = Estimator(make(policy.num_parameters), policy.num_parameters, (1.0,))
        adaptation = estimator.adapt(params, TASKS, lambda step, _: losses)
        jacobian = estimator.linearize(adaptation)
        v, u = torch.randn_like(params), torch.randn_like(adaptation.phi)
        forwards, backwards = (u * jacobian.pushforward(v)).sum(), jacobian.pullback(u) @ v
        assert float(forwards) == pytest.approx(float(backwards), rel=0.02), name


def test_lanczos_finds_the_matrix(fixed_data):
    torch.manual_seed(0)
    root = torch.randn(2, 6, 6, dtype=torch.float64)
    matrix, b = root + root.mT, torch.randn(2, 6, dtype=torch.float64)
    basis, reduced = sys.modules["candidate_rules"].lanczos(lambda v: (matrix @ v[..., None])[..., 0], b, 6)
    assert relative_error(basis @ reduced @ basis.mT, matrix) < 1e-10
    assert relative_error(basis.mT @ basis, torch.eye(6, dtype=torch.float64).expand(2, -1, -1)) < 1e-12


def test_the_comparison_writes_a_row_for_each_candidate(fixed_data, monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(fixed_data, "TASKS", 1)
    monkeypatch.setattr(fixed_data, "POLICIES", {"initial": None})
    names = ("maml", "linearized, implicitness 0.0", "point, log_likelihood")
    monkeypatch.setattr(fixed_data, "CANDIDATES", {name: fixed_data.CANDIDATES[name] for name in names})
    fixed_data.main(tmp_path / "table.csv")
    with open(tmp_path / "table.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["candidate"] for row in rows] == list(names)
    same = [float(row["cosine"]) for row in rows[:2]] + [float(row["length"]) for row in rows[:2]]
    assert same == pytest.approx([1, 1, 1, 1], abs=1e-3)
    assert rows[0]["return"] == rows[1]["return"]
    assert len(capsys.readouterr().out.splitlines()) == 3
