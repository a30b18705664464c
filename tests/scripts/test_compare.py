"""What `mamlrl compare` prints and writes."""

import csv
from dataclasses import dataclass, replace

import torch
from comparisons import SMOOTH
from programs import TINY, run

from mamlrl.benchmarks.problems import comparable
from mamlrl.errors import UserError
from mamlrl.experiments.build import KINDS
from mamlrl.experiments.experiment import Experiment
from mamlrl.runs.checkpoints import load_checkpoint
from mamlrl.runs.saved import best_checkpoint


def test_the_program_writes_a_table_and_a_figure(tmp_path, capsys):
    options = [*TINY, *SMOOTH, "--inner_steps=1,2", "--cg_steps=1,3", "--repeats=1"]
    assert run("compare", *options, "--output", tmp_path / "new" / "folder") == 0
    title, reference, *lines = capsys.readouterr().out.splitlines()
    assert "2 tasks x 100 samples, 44 parameters, float64, proximal weight 10.0" in title
    assert reference.startswith("reference: inner gradient")
    with open(tmp_path / "new" / "folder" / "comparison.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    measured = [(row["estimator"], row["gradient_steps"], row["cg_iterations"]) for row in rows]
    unrolled = [(name, steps, "") for name in ("maml", "first_order") for steps in "12"]
    assert measured == [
        *unrolled,
        *[
            (name, steps, iterations)
            for name in ("imaml", "linearized_imaml")
            for steps, iterations in [("1", "10"), ("2", "10"), ("2", "1"), ("2", "3")]
        ],
    ]
    assert len(lines) == len(rows)
    for line, row in zip(lines, rows, strict=True):
        assert line.startswith(row["estimator"])
        assert f"error {float(row['relative_error']):.1e}" in line
    assert (tmp_path / "new" / "folder" / "comparison.png").read_bytes().startswith(b"\x89PNG")


def test_a_checkpoint_gives_the_experiment_and_the_parameters(tmp_path, monkeypatch):
    assert run("train", *TINY, *SMOOTH, "--iterations=2", "--output", tmp_path / "run") == 0
    path = best_checkpoint(tmp_path / "run")
    seen = {}

    def sample(config, params):
        seen.update(config=config, params=params)
        raise UserError("enough")

    monkeypatch.setattr("mamlrl.scripts.compare.sample_problem", sample)
    assert run("compare", "--checkpoint", path, "--seed=5", "--output", tmp_path / "out") == 2
    saved, state = load_checkpoint(path)
    assert seen["config"] == replace(comparable(saved), seed=5)
    assert torch.equal(seen["params"], state["params"])
    assert not (tmp_path / "out").exists()


def test_supervised_experiments_are_compared_too(tmp_path, capsys):
    options = [
        "--config=sinusoid",
        "--network.hidden_sizes=[4]",
        "--network.activation=tanh",
        "--meta_batch_size=3",
    ]
    options += ["--adaptation.proximal.weight=20", "--estimators=maml", "--inner_steps=1", "--repeats=1"]
    assert run("compare", *options, "--output", tmp_path) == 0
    title, _, row = capsys.readouterr().out.splitlines()
    assert "3 tasks x 10 samples, 13 parameters, float64, proximal weight 20.0" in title
    assert row.startswith("maml")
    assert {path.name for path in tmp_path.iterdir()} == {"comparison.csv", "comparison.png"}


def test_a_kind_without_meta_gradients_gives_one_line(monkeypatch, tmp_path, capsys):
    @dataclass(frozen=True)
    class Search(Experiment):
        """Search, without an inner loop."""

        kind: str = "search"

    monkeypatch.setattr(KINDS, "_entries", {"search": Search})
    assert run("compare", "--kind=search", "--output", tmp_path / "out") == 2
    assert capsys.readouterr() == ("", "mamlrl: kind: experiments of kind search have no meta-gradients\n")
    assert list(tmp_path.iterdir()) == []
