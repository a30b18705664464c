"""Figures of what is no run, evaluation or 2D navigation."""

from pathlib import Path

import pytest
from fake_envs import SpatialEnv
from programs import run


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
    ],
    ids=lambda content: content[:70].decode(errors="replace"),
)
def test_adaptation_of_files_that_are_not_evaluations(refused, content):
    Path("e.json").write_bytes(content)
    refused("plot", "adaptation", "e.json", "--output=figure.png", words=["e.json", "evaluate --json"])


def test_adaptation_of_a_missing_file_or_a_folder(refused, good):
    refused("plot", "adaptation", "none.json", "--output=figure.png", words=["none.json"])
    refused("plot", "adaptation", "good", "--output=figure.png", words=["good"])


def test_paths_of_another_environment(refused, register):
    options = register(SpatialEnv)
    assert run("train", *options, "--iterations=1", "--output=run") == 0
    refused("plot", "paths", "run", "--output=figure.png", words=["2D navigation"])
