"""Figures that the program draws of runs, evaluations and checkpoints."""

import json
import shutil

import numpy as np
import pytest
from PIL import Image
from programs import TINY, deterministic_rows, run

from mamlrl.figures.adaptation_curves import adaptation_curves
from mamlrl.figures.learning_curves import learning_curves
from mamlrl.figures.navigation_paths import navigation_paths
from mamlrl.scripts import plot


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """Two runs that differ in their seed, and one with another step size."""
    folder = tmp_path_factory.mktemp("trained")
    for name, options in {
        "first": ["--seed=0", "--iterations=3"],
        "second": ["--seed=1", "--iterations=3"],
        "other": ["--seed=0", "--iterations=3", "--adaptation.step_size=0.37"],
    }.items():
        assert run("train", *TINY, *options, "--output", folder / name) == 0
        assert run("evaluate", folder / name, "--json", folder / f"{name}.json") == 0
    assert run("evaluate", folder / "first", folder / "second", "--json", folder / "both.json") == 0
    return folder


@pytest.fixture
def drawn(monkeypatch):
    """Every figure that the program draws."""
    figures = []

    def keep(function):
        def draw(*arguments):
            figures.append(function(*arguments))
            return figures[-1]

        return draw

    for function in (learning_curves, adaptation_curves, navigation_paths):
        monkeypatch.setattr(plot, function.__name__, keep(function))
    return figures


def assert_is_a_picture(path):
    with Image.open(path) as image:
        pixels = np.asarray(image.convert("RGB")).reshape(-1, 3)
        assert image.format == "PNG"
    assert len(np.unique(pixels, axis=0)) > 20
    assert (pixels != pixels[0]).any(axis=1).mean() > 0.01


@pytest.mark.parametrize(
    ("figure", "inputs"),
    [
        ("curves", ["first"]),
        ("curves", ["first", "second", "other"]),
        ("adaptation", ["first.json"]),
        ("adaptation", ["both.json", "other.json"]),
        ("paths", ["first"]),
        ("paths", ["first/checkpoints/latest.pt"]),
    ],
)
def test_a_picture_is_written_and_its_path_printed(trained, tmp_path, capsys, figure, inputs):
    path = tmp_path / "new" / "figure.png"
    assert run("plot", figure, *(trained / name for name in inputs), "--output", path) == 0
    assert_is_a_picture(path)
    assert capsys.readouterr() == (f"{path}\n", "")


@pytest.mark.parametrize(("suffix", "start"), [("pdf", b"%PDF"), ("svg", b"<?xml"), ("jpg", b"\xff\xd8")])
def test_the_suffix_says_the_format(trained, tmp_path, suffix, start):
    path = tmp_path / f"figure.{suffix}"
    assert run("plot", "curves", trained / "first", "--output", path) == 0
    assert path.read_bytes().startswith(start)


def test_program_groups_runs_that_differ_only_in_their_seed(trained, tmp_path, drawn):
    runs = [trained / name for name in ("first", "other", "second")]
    assert run("plot", "curves", *runs, "--output", tmp_path / "figure.png") == 0
    panels = drawn[0].axes
    assert [panel.get_title() for panel in panels] == ["first (2 runs)", "other (1 run)"]
    values = {folder.name: [float(r["return/step_1"]) for r in deterministic_rows(folder)] for folder in runs}
    expected = np.mean([values["first"], values["second"]], axis=0)
    np.testing.assert_allclose(panels[0].get_lines()[1].get_ydata(), expected)
    np.testing.assert_allclose(panels[1].get_lines()[1].get_ydata(), values["other"])


def test_a_resumed_run_shares_the_panel_of_the_others_and_goes_on_alone(trained, tmp_path, drawn):
    shutil.copytree(trained / "second", tmp_path / "resumed")
    options = ["--iterations=5", "--evaluation.steps=1", "--env.kwargs.horizon=10"]
    assert run("train", "--output", tmp_path / "resumed", "--resume", *options) == 0
    runs = [trained / "first", tmp_path / "resumed"]
    assert run("plot", "curves", *runs, "--output", tmp_path / "figure.png") == 0
    [panel] = drawn[0].axes
    assert panel.get_title() == "first (2 runs, 1 after iteration 3)"
    first, resumed = ([float(row["return/step_1"]) for row in deterministic_rows(folder)] for folder in runs)
    expected = [*np.mean([first, resumed[:3]], axis=0), *resumed[3:]]
    np.testing.assert_allclose(panel.get_lines()[1].get_ydata(), expected)


@pytest.mark.parametrize(
    ("key", "value"), [("device: cpu", "device: cuda"), ("horizon: 10", "horizon: 10\n    num_threads: 3")]
)
def test_the_machine_makes_no_other_experiment(trained, tmp_path, drawn, key, value):
    shutil.copytree(trained / "second", tmp_path / "elsewhere")
    config = tmp_path / "elsewhere" / "config.yaml"
    config.write_text(config.read_text().replace(key, value, 1))
    assert value in config.read_text()
    runs = [trained / "first", tmp_path / "elsewhere"]
    assert run("plot", "curves", *runs, "--output", tmp_path / "figure.png") == 0
    assert [panel.get_title() for panel in drawn[0].axes] == ["first (2 runs)"]


@pytest.mark.parametrize("name", ["_first", "$x", "a$\\frac$", "caf\udce9", "two\nlines"])
def test_any_name_can_be_drawn(trained, tmp_path, name):
    shutil.copytree(trained / "first", tmp_path / name)
    shutil.copy(trained / "first.json", tmp_path / f"{name}.json")
    for figure, source in (("curves", name), ("adaptation", f"{name}.json")):
        assert run("plot", figure, tmp_path / source, "--output", tmp_path / "figure.png") == 0
        assert_is_a_picture(tmp_path / "figure.png")


def test_program_keeps_runs_of_the_same_folder_name_apart(trained, tmp_path, drawn):
    folders = []
    for name in ("first", "other"):
        folders.append(tmp_path / name / "run")
        shutil.copytree(trained / name, folders[-1])
    assert run("plot", "curves", *folders, "--output", tmp_path / "figure.png") == 0
    assert len(drawn[0].axes) == 2
    for panel, folder in zip(drawn[0].axes, folders, strict=True):
        expected = [float(row["return/step_1"]) for row in deterministic_rows(folder)]
        np.testing.assert_allclose(panel.get_lines()[1].get_ydata(), expected)


def test_program_draws_what_evaluate_wrote(trained, tmp_path, drawn):
    files = [trained / "both.json", trained / "other.json"]
    assert run("plot", "adaptation", *files, "--output", tmp_path / "figure.png") == 0
    containers = drawn[0].axes[0].containers
    assert [container.get_label() for container in containers] == ["both", "other"]
    for container, file in zip(containers, files, strict=True):
        means = [[row["mean"] for row in record["steps"]] for record in json.loads(file.read_text())]
        np.testing.assert_allclose(container.lines[0].get_ydata(), np.mean(means, axis=0))


def test_program_keeps_evaluations_of_the_same_file_name_apart(trained, tmp_path, drawn):
    files = []
    for name in ("first", "other"):
        files.append(tmp_path / name / "evaluation.json")
        files[-1].parent.mkdir()
        shutil.copy(trained / f"{name}.json", files[-1])
    assert run("plot", "adaptation", *files, "--output", tmp_path / "figure.png") == 0
    containers = drawn[0].axes[0].containers
    assert len(containers) == 2
    assert len({container.get_label() for container in containers}) == 2


def test_an_evaluation_on_a_single_task_can_be_drawn(trained, tmp_path, drawn):
    options = ["--evaluation.tasks=1", "--json", tmp_path / "e.json"]
    assert run("evaluate", trained / "first", *options) == 0
    assert run("plot", "adaptation", tmp_path / "e.json", "--output", tmp_path / "figure.png") == 0
    [record] = json.loads((tmp_path / "e.json").read_text())
    expected = [row["mean"] for row in record["steps"]]
    np.testing.assert_allclose(drawn[0].axes[0].containers[0].lines[0].get_ydata(), expected)


def test_program_draws_paths_of_few_tasks_unless_told_otherwise(trained, tmp_path, drawn):
    arguments = ["plot", "paths", trained / "first", "--output", tmp_path / "figure.png"]
    assert run(*arguments) == 0
    assert run(*arguments, "--evaluation.tasks=2", "--evaluation.steps=1") == 0
    assert [len(figure.axes) for figure in drawn] == [plot.DRAWN_TASKS, 2]
    assert [len(figure.axes[0].get_lines()) for figure in drawn] == [4, 3]
