"""Runs on images name the classes that they train on, which no evaluation may have."""

import shutil

import pytest
from image_folders import make_mini_imagenet, make_omniglot, options
from programs import run

from mamlrl.errors import UserError
from mamlrl.experiments.command_line import load_config
from mamlrl.inner_loops.supervised import SupervisedInnerLoop
from mamlrl.learners.build import make_learner
from mamlrl.runs.checkpoints import load_checkpoint, save_checkpoint
from mamlrl.runs.saved import SavedRun, best_checkpoint, latest_checkpoint


@pytest.fixture
def trained(tmp_path):
    data = make_mini_imagenet(tmp_path / "data")
    assert run("train", *options("mini_imagenet_5way_1shot", data), "--output", tmp_path / "run") == 0
    return tmp_path / "run", data


def test_checkpoints_name_the_trained_classes(trained):
    for path in (best_checkpoint(trained[0]), latest_checkpoint(trained[0])):
        assert load_checkpoint(path)[1]["classes"] == [f"ntrain{label:04}" for label in range(4)]


def test_rotated_characters_are_named_once(tmp_path):
    learner = make_learner(load_config("strokes", options("strokes", make_omniglot(tmp_path))[1:]))
    assert len(learner.state_dict()["classes"]) == 5


def test_an_evaluation_on_trained_classes_is_refused(trained, capsys):
    folder, data = trained
    assert run("evaluate", best_checkpoint(folder)) == 0
    shutil.copy(data / "train.csv", data / "all.csv")
    (data / "train.csv").rename(data / "old.csv")
    (data / "test.csv").unlink()
    (data / "all.csv").rename(data / "test.csv")
    capsys.readouterr()
    assert run("evaluate", best_checkpoint(folder)) == 2
    output, error = capsys.readouterr()
    names = "ntrain0000, ntrain0001, ntrain0002, ntrain0003"
    assert f"{best_checkpoint(folder)}: data.folder: 4 of 4 classes for testing are trained on: {names}; " in error
    assert (error.count("\n"), output) == (1, "")


def test_trained_classes_are_found_before_the_evaluation(trained, monkeypatch):
    folder, data = trained
    rename_classes(data, "train", "later")
    rename_classes(data, "test", "ntrain")
    monkeypatch.setattr(SupervisedInnerLoop, "adapt", lambda self, *arguments: pytest.fail("it adapts"))
    saved = SavedRun.load(folder)
    with pytest.raises(UserError, match="4 of 4 classes for testing are trained on"):
        saved.evaluate(saved.experiment)


def without_names(path):
    experiment, state = load_checkpoint(path)
    del state["classes"]
    save_checkpoint(path, experiment, state)


def test_a_checkpoint_without_names_is_used_with_a_note_and_never_gets_wrong_ones(trained, caplog):
    folder, _ = trained
    without_names(best_checkpoint(folder))
    assert run("evaluate", best_checkpoint(folder)) == 0
    assert "does not name the classes" in caplog.text
    caplog.clear()
    without_names(latest_checkpoint(folder))
    assert run("train", "--output", folder, "--resume", "--iterations=4") == 0
    assert "does not name the classes" in caplog.text
    assert "classes" not in load_checkpoint(latest_checkpoint(folder))[1]  # what it was trained on is unknown


def test_a_run_does_not_go_on_with_other_classes(trained, capsys):
    folder, data = trained
    before = latest_checkpoint(folder).read_bytes()
    table = (data / "train.csv").read_text()
    (data / "train.csv").write_text(table.replace(",ntrain0003", ",another"))
    assert run("train", "--output", folder, "--resume", "--iterations=4") == 2
    error = capsys.readouterr().err
    assert "data.folder: the run to resume was trained on other classes (ntrain0003 gone and another new)" in error
    assert latest_checkpoint(folder).read_bytes() == before


def rename_classes(data, split, name):
    """Gives the classes of a split other names, those of the images staying as they are."""
    table = data / f"{split}.csv"
    table.write_text(table.read_text().replace(f",n{split}", f",{name}"))


def test_parameters_of_another_run_bring_the_names_of_its_classes(trained, tmp_path, capsys):
    folder, data = trained
    rename_classes(data, "train", "later")
    more = [*options("mini_imagenet_5way_1shot", data), "--init_from", folder]
    assert run("train", *more, "--output", tmp_path / "second") == 0
    assert run("train", "--output", tmp_path / "second", "--resume", "--iterations=4") == 0
    state = load_checkpoint(latest_checkpoint(tmp_path / "second"))[1]
    assert state["classes"] == [f"later{label:04}" for label in range(4)]
    assert state["earlier_classes"] == [f"ntrain{label:04}" for label in range(4)]
    rename_classes(data, "test", "ntrain")
    capsys.readouterr()
    assert run("evaluate", tmp_path / "second") == 2
    assert "4 of 4 classes for testing are trained on: ntrain0000" in capsys.readouterr().err
    rename_classes(data, "val", "ntrain")
    (data / "test.csv").unlink()
    assert run("train", *more, "--output", tmp_path / "third") == 2
    assert "4 of 4 classes for validation are trained on: ntrain0000" in capsys.readouterr().err
    assert not (tmp_path / "third").exists()


def test_parameters_of_unknown_training_leave_a_checkpoint_without_names(trained, tmp_path, caplog):
    folder, data = trained
    without_names(latest_checkpoint(folder))
    more = [*options("mini_imagenet_5way_1shot", data), "--init_from", folder]
    assert run("train", *more, "--output", tmp_path / "second") == 0
    assert caplog.text.count("does not name the classes") == 1
    assert "classes" not in load_checkpoint(latest_checkpoint(tmp_path / "second"))[1]
