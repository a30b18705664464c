"""`mamlrl reproduce`: trains what is missing, goes on, evaluates, writes everything; refuses what it cannot do."""

import json
import signal
from pathlib import Path

import pytest
from programs import run
from recipes import write_recipe

from mamlrl.reproduction.recipe_files import read_recipe
from mamlrl.runs.saved import SavedRun
from mamlrl.scripts import reproduce

FILES = ["adaptation.png", "learning.png", "paths.png", "table.json", "table.md"]


@pytest.fixture(autouse=True)
def recipe(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    return write_recipe(tmp_path / "tiny.yaml")


def means(folder):
    return {row["method"]: row["means"] for row in json.loads((folder / "table.json").read_text())["methods"]}


def test_methods_are_trained_evaluated_and_compared(recipe, capfd):
    assert run("reproduce", recipe, "--methods", "maml", "random", "--seeds", "0", "--workers=2") == 0
    folder = Path("runs/reproduce/tiny")
    output, error = capfd.readouterr()
    assert [name for name in FILES if not (folder / name).exists()] == []
    assert output == (folder / "table.md").read_text() + "\n"
    for said in (
        "maml seed 0: 1 of 1 meta-iterations to do, about ",
        "training: about ",
        "is complete: 2 of 2 runs",
    ):
        assert said in error
    means_before = means(folder)
    for method, found in means_before.items():
        saved = SavedRun.load(folder / method / "seed0")
        assert saved.state["iteration"] == (1 if method == "maml" else 0)
        if method == "maml":
            assert run("evaluate", folder / method / "seed0", "--json=alone.json") == 0
            assert [row["mean"] for row in json.loads(Path("alone.json").read_text())[0]["steps"]] == found
    capfd.readouterr()
    assert (
        run("reproduce", recipe, "--methods", "maml", "--seeds", "0", "--evaluate-only") == 0
    )  # nothing is trained
    assert "training" not in capfd.readouterr().err
    assert run("reproduce", recipe, "--methods", "maml", "--seeds", "0", "--quick", f"--output={folder}") == 2
    assert (
        "meta_batch_size: the run at runs/reproduce/tiny/maml/seed0 was made with 2, not 1; "
        in capfd.readouterr().err
    )
    assert run("reproduce", recipe, "--methods", "random", "--seeds", "0", "--runs", folder, "--output=other") == 0
    assert means(Path("other"))["random"] == means_before["random"]


def test_what_was_stopped_goes_on_with_the_same_command(recipe, monkeypatch, capsys):
    commands = {}

    def stopped(begun, workers, ended):
        commands.update(begun)
        assert workers == 1
        return dict.fromkeys(begun), signal.SIGINT

    monkeypatch.setattr(reproduce, "train_side_by_side", stopped)
    assert run("reproduce", recipe, "--methods", "maml", "--seeds", "0", "1", "--workers=1") == 128 + signal.SIGINT
    error = capsys.readouterr().err
    assert f"stopped; continue with: mamlrl reproduce {recipe} --methods maml --seeds 0 1 --workers=1" in error
    assert list(commands) == ["maml seed 0", "maml seed 1"]
    first = commands["maml seed 0"]
    assert {"--config=navigation2d", "--iterations=1", "--seed=0"} <= set(first)
    assert run("train", *first) == 0
    assert run("reproduce", recipe, "--methods", "maml", "--seeds", "0", "1", "--workers=1") == 128 + signal.SIGINT
    assert "maml seed 0: is complete" in capsys.readouterr().err


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_in_evaluation_or_drawing_leaves_what_there_was(recipe, monkeypatch, capsys, number):
    command = ["reproduce", recipe, "--methods", "random", "--seeds", "0"]
    monkeypatch.setattr(reproduce, "write_tables", lambda *arguments: signal.raise_signal(number))
    assert run("train", *read_recipe(recipe).options("random"), "--output=runs/reproduce/tiny/random/seed0") == 0
    before = signal.getsignal(number)
    assert run(*command) == 128 + number
    assert signal.getsignal(number) == before
    assert f"stopped; continue with: mamlrl {' '.join(command)}" in capsys.readouterr().err
    assert {path.name for path in Path("runs/reproduce/tiny").iterdir()} == {"random"}


def test_runs_that_did_not_end_are_named(recipe, monkeypatch, capsys):
    monkeypatch.setattr(
        reproduce, "train_side_by_side", lambda begun, workers, ended: (dict.fromkeys(begun, 2), 0)
    )
    assert run("reproduce", recipe, "--methods", "maml", "--seeds", "0") == 2
    assert "mamlrl: maml seed 0 did not get to the end; the same command goes on" in capsys.readouterr().err


def test_data_that_are_missing_are_drawn(recipe, monkeypatch, capsys):
    drawn = []
    monkeypatch.setattr(
        reproduce, "import_module", lambda name: type("Drawing", (), {"run": staticmethod(drawn.append)})
    )
    write_recipe(Path("tiny.yaml"), data={"strokes": "data/strokes"})
    assert run("reproduce", recipe, "--methods", "maml", "--evaluate-only") == 2
    assert drawn == [["--output=data/strokes"]]
    Path("data/strokes").mkdir(parents=True)
    assert run("reproduce", recipe, "--methods", "maml", "--evaluate-only") == 2
    assert len(drawn) == 2  # it is empty, as after an interruption
    Path("data/strokes/README.txt").touch()
    assert run("reproduce", recipe, "--methods", "maml", "--evaluate-only") == 2
    assert len(drawn) == 2
    few = {"strokes": "data/few --characters 3"}
    write_recipe(Path("tiny.yaml"), data={"strokes": "data/strokes"}, quick_data=few)
    assert run("reproduce", recipe, "--methods", "maml", "--quick", "--evaluate-only") == 2
    assert drawn[2:] == [["--output=data/few", "--characters", "3"]]


def test_an_initialisation_alone_takes_no_time(recipe, monkeypatch, capsys):
    monkeypatch.setattr(
        reproduce, "train_side_by_side", lambda begun, workers, ended: (dict.fromkeys(begun, 2), 0)
    )
    assert run("reproduce", recipe, "--methods", "random", "--seeds", "0") == 2
    error = capsys.readouterr().err
    assert "random seed 0: 0 of 0 meta-iterations to do\n" in error
    assert "training: about 0:00:00, 1 side by side" in error


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["navigaton2d"], "no recipe named navigaton2d, nor a file; did you mean navigation2d?"),
        (["navigation2d", "--methods", "mamll"], "methods: navigation2d has no method mamll; did you mean maml?"),
        (["sinusoid", "--methods", "context"], "methods: sinusoid cannot have context: "),
        (["images", "--methods", "oracle"], "methods: images cannot have oracle: "),
        (
            ["sinusoid", "--evaluate_only"],
            "the run of maml seed 0 at runs/reproduce/sinusoid/maml/seed0 is missing; ",
        ),
        (["navigation2d", "--runs", "nowhere"], "runs: there is no folder nowhere"),
        (["navigation2d", "--iterations", "3"], "recipes take no settings of an experiment"),
    ],
)
def test_what_cannot_be_reproduced_is_refused_in_one_line(arguments, message, capsys):
    assert run("reproduce", *arguments) == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1
    assert not Path("runs").exists()
