import json

import pytest
from programs import deterministic_rows, run

from mamlrl.evaluation.build import evaluate
from mamlrl.experiments.command_line import load_config
from mamlrl.learners.build import make_learner
from mamlrl.runs.metrics_file import read_metrics
from mamlrl.supervised.strokes import write_strokes

SMALL = [
    "--data.ways=2",
    "--data.queries=2",
    "--data.validation_tasks=2",
    "--network.hidden_sizes=[3, 2]",
    "--meta_batch_size=2",
    "--iterations=2",
    "--save_every=1",
    "--evaluation.tasks=3",
    "--evaluation.queries=2",
]


@pytest.fixture(scope="module")
def strokes(tmp_path_factory):
    folder = tmp_path_factory.mktemp("data") / "strokes"
    assert run("strokes", "--output", folder, "--alphabets=2", "--characters=8", "--images=3") == 0
    return folder


CONFIGS = [
    "strokes",
    "strokes_imaml",
    "omniglot_20way_1shot",
    "kanji_5way_1shot_dense",
    "kanji_5way_1shot_context",
]


@pytest.mark.parametrize("config", CONFIGS)
def test_from_drawings_to_figures(config, strokes, tmp_path, capsys):
    folder, record = tmp_path / "run", tmp_path / "evaluation.json"
    data = [f"--config={config}", f"--data.folder={strokes}"]
    assert run("train", *data, *SMALL, "--output", folder) == 0
    assert [0 <= row["accuracy/step_1"] <= 1 for row in read_metrics(folder / "metrics.csv")] == [True, True]
    assert run("evaluate", folder, "--evaluation.steps=2", "--json", record) == 0
    assert "3 tasks x 1 shots, mean accuracy" in capsys.readouterr().out
    (evaluated,) = json.loads(record.read_text())
    assert [row["step"] for row in evaluated["steps"]] == [0, 1, 2]
    for figure, source in [("curves", folder), ("adaptation", record)]:
        assert run("plot", figure, source, "--output", tmp_path / f"{figure}.png") == 0


def test_a_run_goes_on_where_it_was(strokes, tmp_path):
    data = ["--config=strokes", f"--data.folder={strokes}", *SMALL]
    assert run("train", *data, "--output", tmp_path / "whole") == 0
    assert run("train", *data, "--iterations=1", "--output", tmp_path / "parts") == 0
    assert run("train", "--output", tmp_path / "parts", "--resume", "--iterations=2") == 0
    assert deterministic_rows(tmp_path / "whole") == deterministic_rows(tmp_path / "parts")


@pytest.mark.slow
@pytest.mark.parametrize("config", ["strokes", "strokes_imaml"])
def test_meta_training_learns_to_tell_new_characters_apart(config, tmp_path):
    write_strokes(tmp_path, seed=0)
    learner = make_learner(load_config(config, [f"--data.folder={tmp_path}", "--evaluation.tasks=100"]))
    for _ in range(300):
        learner.step()
    accuracy = evaluate(learner.config, learner.params).metrics["accuracy"].mean(axis=1)
    assert accuracy[0] == pytest.approx(0.2, abs=0.05)  # chance
    assert accuracy[1] > 0.6


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--data.folder={data}/none"], "data.folder: there is no folder {data}/none; strokes needs one"),
        (["--data.folder={data}", "--data.queries=3"], "has 3 images, but a task needs 1 shots and 3 queries"),
        (["--data.folder={data}", "--network.images=dense", "--network.context_size=2"], "network"),
    ],
)
def test_data_that_do_not_serve_leave_nothing_behind(options, message, strokes, tmp_path, capsys):
    given = [option.format(data=strokes) for option in options]
    assert run("train", "--config=strokes", *SMALL, *given, "--output", tmp_path / "run") == 2
    error = capsys.readouterr().err
    assert message.format(data=strokes) in error
    assert error.count("\n") == 1
    assert not (tmp_path / "run").exists()
