"""What `mamlrl policies` prints, and that other programs take its names."""

import json

import pytest
import yaml
from programs import run

from mamlrl.runs.published import published_card, published_checkpoint, published_names

SMALL = ["--evaluation.tasks=2", "--evaluation.episodes_per_task=2", "--env.kwargs.horizon=5"]


def test_every_checkpoint_is_listed_once_with_its_result(capsys):
    assert run("policies") == 0
    lines = capsys.readouterr().out.splitlines()
    names = [line.split()[0] for line in lines]
    assert len(lines) == len({published_checkpoint(name) for name in published_names()})
    assert {"navigation2d", "half_cheetah_direction/seed1", "sinusoid", "sinusoid/imaml_seed0"} <= set(names)
    assert {"navigation2d/seed0", "sinusoid/maml_seed0"}.isdisjoint(names)
    (row,) = (line for line in lines if line.startswith("half_cheetah_direction "))
    before, after, *_, last = published_card("half_cheetah_direction")["evaluation"]["mean"]
    assert row.endswith(f"  return {before:.5g} after 0, {after:.5g} after 1, {last:.5g} after 3 steps")
    (oracle,) = (line for line in lines if line.startswith("navigation2d_methods/oracle_seed0 "))
    (alone,) = published_card("navigation2d_methods/oracle_seed0")["evaluation"]["mean"]
    assert oracle.endswith(f"  return {alone:.5g} after 0 steps")


def test_the_card_of_one_is_printed(capsys):
    assert run("policies", "sinusoid/imaml_seed0") == 0
    assert yaml.safe_load(capsys.readouterr().out) == published_card("sinusoid/imaml_seed0")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["navigation3d"], "no published policy named navigation3d; did you mean the published navigation2d"),
        (["--seed=1"], "published checkpoints take no settings of an experiment, got --seed=1"),
    ],
)
def test_bad_input_is_one_line(arguments, message, capsys):
    assert run("policies", *arguments) == 2
    output, error = capsys.readouterr()
    assert (output, error.count("\n")) == ("", 1)
    assert message in error


def test_programs_take_names(tmp_path, capsys):
    assert run("evaluate", "navigation2d", *SMALL, "--json", tmp_path / "e.json") == 0
    (record,) = json.loads((tmp_path / "e.json").read_text())
    assert record["checkpoint"] == str(published_checkpoint("navigation2d"))
    assert record["iteration"] == 240
    assert run("plot", "paths", "navigation2d", *SMALL, "--output", tmp_path / "paths.png") == 0
    assert run("video", "navigation2d", *SMALL, "--size=32", "--output", tmp_path / "film.gif") == 0
    assert run("rollout", "navigation2d", *SMALL) == 0
    assert {path.name for path in tmp_path.iterdir()} == {"e.json", "paths.png", "film.gif"}
    capsys.readouterr()
    assert run("evaluate", "navigation2", *SMALL) == 2
    assert "no checkpoint at navigation2; did you mean the published navigation2d" in capsys.readouterr().err
