"""What `mamlrl rollout` prints and writes."""

import json
import re

import numpy as np
import pytest
from programs import TINY, run
from sinusoids import TINY_SINUSOID

from mamlrl.figures import film

NAMED = ["--task", "0.3", "-0.2", "--task", "-0.1", "0.4"]


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    folder = tmp_path_factory.mktemp("trained") / "run"
    assert run("train", *TINY, "--iterations=1", "--output", folder) == 0
    return folder


def rows(table):
    """Name and returns of each row."""
    found = re.findall(r"^  (task \d+: .*\)|all tasks) +((?:-?\d+\.\d\d *)+)$", table, flags=re.MULTILINE)
    return {name: [float(number) for number in numbers.split()] for name, numbers in found}


def test_the_table_is_that_of_the_evaluation(trained, tmp_path, capsys):
    assert run("evaluate", trained, *NAMED, "--json", tmp_path / "e.json") == 0
    (record,) = json.loads((tmp_path / "e.json").read_text())
    capsys.readouterr()
    assert run("rollout", trained, *NAMED) == 0
    output = capsys.readouterr().out
    returns = np.array([row["returns"] for row in record["steps"]])
    table = rows(output)
    assert list(table) == ["task 0: goal (0.30, -0.20)", "task 1: goal (-0.10, 0.40)", "all tasks"]
    expected = [*returns.T, returns.mean(axis=1)]
    np.testing.assert_allclose(list(table.values()), expected, atol=0.0051)
    assert "2 tasks x 2 episodes, mean return after adaptation steps" in output.splitlines()[0]
    assert output.splitlines()[1].split() == ["0", "1", "2"]
    assert len(output.splitlines()) == 5


def test_without_names_the_tasks_are_the_held_out_ones(trained, tmp_path, capsys):
    assert run("evaluate", trained, "--json", tmp_path / "e.json") == 0
    (record,) = json.loads((tmp_path / "e.json").read_text())
    capsys.readouterr()
    assert run("rollout", trained, "--output", tmp_path / "episodes.npz") == 0
    data = np.load(tmp_path / "episodes.npz")
    assert data["tasks"].tolist() == record["tasks"]
    for step, row in enumerate(record["steps"]):
        for task, expected in enumerate(row["returns"]):
            chosen = (data["step"] == step) & (data["task"] == task)
            assert chosen.sum() == 2
            assert data["rewards"][chosen].sum(axis=1).mean() == pytest.approx(expected)


def test_the_same_command_makes_the_same_episodes(trained, tmp_path, capsys):
    (tmp_path / "goals.csv").write_text("0.3,-0.2\n-0.1,0.4\n")
    for name, tasks in {"a": NAMED, "b": ["--tasks-file", tmp_path / "goals.csv"]}.items():
        assert run("rollout", trained, *tasks, "--output", tmp_path / f"{name}.npz") == 0
    one, other = (np.load(tmp_path / f"{name}.npz") for name in "ab")
    assert set(one) == set(other)
    for name in one:
        np.testing.assert_array_equal(one[name], other[name])
    assert run("rollout", trained, *NAMED, "--evaluation.seed=1", "--output", tmp_path / "c.npz") == 0
    assert not np.array_equal(np.load(tmp_path / "c.npz")["rewards"], one["rewards"])
    assert capsys.readouterr().out.endswith(f"{tmp_path / 'c.npz'}\n")


def test_all_that_is_asked_for_is_written_and_named(trained, tmp_path, monkeypatch, capsys):
    minari = pytest.importorskip("minari")
    monkeypatch.setenv("MINARI_DATASETS_PATH", str(tmp_path / "minari"))
    videos = []
    monkeypatch.setattr(film, "film", lambda env, config, evaluation, video, add_frame: videos.append(video))
    monkeypatch.setattr(film, "video_file", lambda path, rate: __import__("contextlib").nullcontext())
    options = ["--output", tmp_path / "a.npz", "--minari", "mine/adapted-v0", "--video", tmp_path / "a.gif"]
    assert run("rollout", trained, *NAMED, *options) == 0
    assert capsys.readouterr().out.splitlines()[-3:] == [
        str(tmp_path / "a.npz"),
        "mine/adapted-v0",
        str(tmp_path / "a.gif"),
    ]
    assert minari.load_dataset("mine/adapted-v0").total_episodes == len(np.load(tmp_path / "a.npz")["task"]) == 12
    assert [video.tasks for video in videos] == [(0, 1)]


def test_a_film_shows_the_named_tasks(trained, tmp_path):
    pytest.importorskip("PIL")
    path = tmp_path / "film.gif"
    assert run("rollout", trained, *NAMED, "--evaluation.deterministic=true", "--video", path) == 0
    assert path.read_bytes().startswith(b"GIF89a")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--task", "0.3"], "task 0, [0.3], does not fit"),
        (["--output=a.csv"], "cannot write a.csv: its suffix must be .npz"),
        (["--minari=adapted"], "minari: adapted is no id of a dataset"),
        (["--video=a.png"], "a.png"),
        (["--sed=1"], "unrecognized arguments: --sed=1; did you mean seed?"),
    ],
)
def test_bad_options_are_one_line_and_nothing_is_written(
    trained, tmp_path, monkeypatch, arguments, message, capsys
):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MINARI_DATASETS_PATH", str(tmp_path))
    assert run("rollout", trained, *arguments) == 2
    output, error = capsys.readouterr()
    assert output == ""
    assert message in error
    assert error.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


def test_networks_for_few_shot_learning_have_no_episodes(tmp_path, capsys):
    assert run("train", *TINY_SINUSOID, "--output", tmp_path / "run") == 0
    capsys.readouterr()
    assert run("rollout", tmp_path / "run") == 2
    assert "latest.pt cannot be rolled out: its kind supervised has no episodes" in capsys.readouterr().err
