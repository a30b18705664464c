"""Figures of what is no run, evaluation or 2D navigation."""

import shutil
from pathlib import Path

import pytest
from fake_envs import SpatialEnv
from programs import run

CSV = b"iteration,return/step_0,return/step_1\n"


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("metrics.csv", None, ["no metrics at good/metrics.csv"]),
        ("metrics.csv", b"", ["good", "no finished meta-iteration"]),
        ("metrics.csv", b"iteration,kl\n", ["good", "no finished meta-iteration"]),
        ("metrics.csv", b"iteration,kl\n1,0.5", ["good", "no finished meta-iteration"]),
        ("metrics.csv", b"iteration,kl\nx,y\n", ["good/metrics.csv", "not a metrics CSV"]),
        ("metrics.csv", b"iteration,kl\n1\n", ["good/metrics.csv", "not a metrics CSV"]),
        ("metrics.csv", b"iteration,kl\n1,2,3\n", ["good/metrics.csv", "not a metrics CSV"]),
        ("metrics.csv", b"iteration,kl\n1,2\n", ["good/metrics.csv", "no column is named METRIC/step_0"]),
        ("metrics.csv", CSV + b"1,2,nan\n", ["good/metrics.csv", "return/step_1 of iteration 1 is nan"]),
        ("metrics.csv", CSV + b"1,2,inf\n", ["good/metrics.csv", "return/step_1 of iteration 1 is inf"]),
        ("metrics.csv", CSV + b"1,2,3\n2,3\n", ["good/metrics.csv", "not a metrics CSV"]),
        ("metrics.csv", CSV + b"1,2,3\n3,4,5\n2,3,4\n", ["good/metrics.csv", "iteration 2 follows that of 3"]),
        ("metrics.csv", CSV + b"1,2,3\n1,2,3\n", ["good/metrics.csv", "iteration 1 follows that of 1"]),
        ("metrics.csv", CSV + b"1.5,2,3\n", ["good/metrics.csv", "iteration 1.5"]),
        ("metrics.csv", CSV + b"nan,2,3\n", ["good/metrics.csv", "iteration nan"]),
        ("metrics.csv", b"iteration,return/step_0,return/step_2\n1,2,3\n", ["good/metrics.csv", "steps 0, 2"]),
        ("metrics.csv", b"iteration,return/step_0,return/step_x\n1,2,3\n", ["good/metrics.csv"]),
        ("metrics.csv", b"a,b\n1,2\n", ["good/metrics.csv", "not a metrics CSV"]),
        ("metrics.csv", b"\xff\n\xfe\n", ["good/metrics.csv", "not a metrics CSV"]),
        ("config.yaml", None, ["good/config.yaml"]),
        ("config.yaml", b"", ["good/config.yaml"]),
        ("config.yaml", b"a: b: c\n", ["good/config.yaml"]),
        ("config.yaml", b"- 1\n", ["good/config.yaml"]),
        ("config.yaml", b"\xff", ["good/config.yaml"]),
    ],
)
def test_curves_of_runs_that_are_none(refused, good, name, content, words):
    (good / name).unlink()
    if content is not None:
        (good / name).write_bytes(content)
    refused("plot", "curves", "good", "--output=figure.png", words=words)


def test_curves_of_what_is_no_folder(refused, good):
    refused("plot", "curves", "none", "--output=figure.png", words=["no metrics at none/metrics.csv"])
    refused("plot", "curves", "good", "good/config.yaml", "--output=figure.png", words=["good/config.yaml"])


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"text",
        b"null",
        b"3",
        b"{}",
        b"[]",
        b"[1]",
        b"[{}]",
        b'[{"steps": []}]',
        b'[{"steps": [{"mean": 1}]}]',
        b'[{"steps": [{"mean": "text", "interval_95": 1}]}]',
        b'[{"steps": [{"mean": 1, "interval_95": 1}]}, 3]',
        b'[{"steps": [{"mean": 1, "interval_95": 1}]}, {"steps": []}]',
        b"\xff\xfe",
        b'[{"steps": [{"mean": NaN, "interval_95": 1}]}]',
        b'[{"steps": [{"mean": 1, "interval_95": Infinity}]}]',
        b'[{"steps": [{"mean": 1, "interval_95": -1}]}]',
        b'[{"steps": [{"mean": true, "interval_95": 1}]}]',
        b'[{"steps": [{"mean": [1], "interval_95": 1}]}]',
        b'[{"steps": [{"step": 1, "mean": 1, "interval_95": 1}]}]',
        b'[{"steps": {"mean": 1, "interval_95": 1}}]',
        b'[{"metric": 3, "steps": [{"mean": 1, "interval_95": 1}]}]',
        b'{"steps": [{"mean": 1, "interval_95": 1}]}',
        b'[[{"steps": [{"mean": 1, "interval_95": 1}]}]]',
        b"[" * 100000,
        b'[{"steps": [{"mean": 1, "interval_95": 1}]}, {"steps": [{"mean": 1, "interval_95": 1}]}]',
        b'[{"steps": [{"mean": 1, "interval_95": 1}]}, {"env": "x", "steps": [{"mean": 2, "interval_95": 1}]}]',
        b'[{"steps": [{"mean": 1, "interval_95": 1}]}, {"metric": "x", "steps": [{"mean": 2, "interval_95": 1}]}]',
    ],
    ids=lambda content: content[:70].decode(errors="replace"),
)
def test_adaptation_of_files_that_are_not_evaluations(refused, content):
    Path("e.json").write_bytes(content)
    refused("plot", "adaptation", "e.json", "--output=figure.png", words=["e.json", "evaluate --json"])


def test_adaptation_of_a_missing_file_or_a_folder(refused, good):
    refused("plot", "adaptation", "none.json", "--output=figure.png", words=["none.json"])
    refused("plot", "adaptation", "good", "--output=figure.png", words=["good"])


def test_evaluations_that_share_no_axis_or_are_one(refused):
    for name, metric in (("a", "return"), ("b", "mse")):
        row = '{"mean": 1, "interval_95": 1}'
        Path(f"{name}.json").write_text(f'[{{"metric": "{metric}", "steps": [{row}]}}]')
    refused("plot", "adaptation", "a.json", "b.json", "--output=f.png", words=["a reports return, b mse"])
    refused("plot", "adaptation", "a.json", "a.json", "--output=f.png", words=["a.json is given twice"])


def test_curves_of_copies_or_of_several_metrics(refused, good):
    shutil.copytree(good, "copy")
    refused("plot", "curves", "good", "copy", "--output=f.png", words=["good and copy", "same seed (0)"])
    refused("plot", "curves", "good", "good", "--output=f.png", words=["good and good", "same seed (0)"])
    text = (good / "metrics.csv").read_text().replace("return/", "reward/")
    Path("copy/metrics.csv").write_text(text)
    config = (good / "config.yaml").read_text().replace("meta_batch_size: 2", "meta_batch_size: 3")
    Path("copy/config.yaml").write_text(config)
    refused("plot", "curves", "good", "copy", "--output=f.png", words=["good reports return, copy reward"])


def test_paths_of_several_checkpoints(refused, good):
    refused("plot", "paths", "good", "good", "--output=f.png", words=["paths are of one checkpoint, not of 2"])


def test_paths_of_another_environment(refused, register):
    options = register(SpatialEnv)
    assert run("train", *options, "--iterations=1", "--output=run") == 0
    refused("plot", "paths", "run", "--output=figure.png", words=["2D navigation"])
