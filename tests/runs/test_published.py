"""Published checkpoints: by their names, with cards that say what their files say, in every distribution."""

import configparser
import importlib.util
import json
import shlex
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from mamlrl.errors import UserError
from mamlrl.experiments.command_line import load_config
from mamlrl.experiments.differences import training_differences
from mamlrl.runs.checkpoints import load_checkpoint
from mamlrl.runs.published import published_card, published_checkpoint, published_names
from mamlrl.runs.saved import SavedRun, find_checkpoint

ROOT = Path(__file__).parents[2]
RESULTS = ROOT / "docs" / "results"
CHECKPOINTS = sorted(f"{path.parent.name}/{path.stem}" for path in RESULTS.glob("*/*.pt"))


@pytest.fixture(scope="module")
def cards():
    """The program that writes the cards."""
    spec = importlib.util.spec_from_file_location("cards", ROOT / "docs" / "cards.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_names_are_those_of_files_and_of_configs():
    names = published_names()
    assert {name for name in names if "/" in name} == set(CHECKPOINTS)
    assert {name for name in names if "/" not in name} == {
        *(
            "ant_direction",
            "ant_velocity",
            "ant_direction_gymnasium",
            "half_cheetah_direction",
            "half_cheetah_direction_gymnasium",
        ),
        *("cartpole", "mountain_car", "pendulum"),
        *(
            "half_cheetah_velocity",
            "navigation2d",
            "navigation2d_text",
            "navigation2d_tuned",
            "sinusoid",
            "strokes",
        ),
    }


@pytest.mark.parametrize(
    ("name", "file"),
    [
        ("half_cheetah_direction", "half_cheetah_direction/seed0.pt"),
        ("half_cheetah_direction/seed1", "half_cheetah_direction/seed1.pt"),
        ("navigation2d_methods/imaml_seed0", "navigation2d_methods/imaml_seed0.pt"),
        ("sinusoid", "sinusoid/maml_seed0.pt"),
    ],
)
def test_a_name_is_that_of_its_file(name, file):
    path = published_checkpoint(name)
    assert path.parts[-2:] == tuple(file.split("/"))
    assert path.read_bytes() == (RESULTS / file).read_bytes()
    saved = SavedRun.load(name)
    assert (saved.path, saved.experiment) == (path, load_checkpoint(path)[0])


def test_a_file_or_folder_of_the_name_is_taken_first(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert find_checkpoint("sinusoid") == published_checkpoint("sinusoid")
    Path("sinusoid").write_bytes(b"mine")
    assert find_checkpoint("sinusoid") == Path("sinusoid")
    Path("strokes").mkdir()
    assert find_checkpoint(Path("strokes")) == Path("strokes/checkpoints/latest.pt")


@pytest.mark.parametrize(
    ("name", "nearest"),
    [
        ("half_cheetah_directoin", "half_cheetah_direction"),
        ("half_cheetah_direction/seed7", "half_cheetah_direction/seed2"),
        ("navigation_2d", "navigation2d"),
    ],
)
def test_an_unknown_name_is_answered_with_close_ones(name, nearest):
    for find in (SavedRun.load, published_checkpoint, published_card):
        with pytest.raises(UserError, match=f"{name}; did you mean the published .*{nearest}") as raised:
            find(name)
        assert "\n" not in str(raised.value)


def test_a_name_like_no_other_is_refused():
    with pytest.raises(UserError, match=r"^no checkpoint at runs/mine$"):
        SavedRun.load("runs/mine")
    with pytest.raises(UserError, match=r"^no published policy named runs/mine; mamlrl policies lists them$"):
        published_checkpoint("runs/mine")


def test_cards_are_what_their_program_writes(cards):
    made = cards.cards()
    assert {f"{folder}/{name}" for folder, each in made.items() for name in each} == set(CHECKPOINTS)
    for folder, each in made.items():
        assert (RESULTS / folder / "cards.yaml").read_text() == cards.page(each), "run `make docs`"


@pytest.mark.parametrize("name", CHECKPOINTS)
def test_a_card_holds_the_numbers_of_the_evaluation(name):
    card, path = published_card(name), RESULTS / f"{name}.pt"
    evaluation = card["evaluation"]
    records = json.loads((path.parent / evaluation["file"]).read_text())
    (record,) = (each for each in records if each["checkpoint"].split("/")[-1] == path.name)
    assert evaluation["mean"] == [row["mean"] for row in record["steps"]]
    assert evaluation["interval_95"] == [row["interval_95"] for row in record["steps"]]
    assert evaluation["metric"] == record.get("metric", "return")
    content = torch.load(path, weights_only=True)
    assert card["meta_iterations"] == record["iteration"] == content["state"]["iteration"]
    assert card["seed"] == record["seed"] == content["config"]["seed"]
    assert card["mamlrl_version"] == content["mamlrl_version"]


def options_of(command, program):
    """Options of a command of mamlrl, in the form `--name=value`."""
    words = shlex.split(command)
    assert words[:2] == ["mamlrl", program]
    start = next(index for index, word in enumerate([*words, "--"]) if word.startswith("--"))
    return [f"{name}={value}" for name, value in zip(words[start::2], words[start + 1 :: 2], strict=True)]


@pytest.mark.parametrize("name", [name for name in CHECKPOINTS if "kept" in published_card(name)])
def test_the_command_of_a_card_is_what_trained_the_checkpoint(name):
    (config, *options, output), card = options_of(published_card(name)["train"], "train"), published_card(name)
    assert output == "--output=RUN"
    experiment = load_config(config.removeprefix("--config="), options)
    trained, state = load_checkpoint(RESULTS / f"{name}.pt")
    assert training_differences(experiment, trained) == []
    assert experiment.seed == trained.seed
    if card["kept"] == "latest.pt":
        assert experiment.iterations == state["iteration"]
    else:
        assert experiment.iterations >= state["iteration"]


@pytest.mark.parametrize("name", CHECKPOINTS)
def test_the_command_of_a_card_evaluates_what_it_says(name):
    evaluation = published_card(name)["evaluation"]
    assert evaluation["command"].split()[:3] == ["mamlrl", "evaluate", name]
    trained, _ = load_checkpoint(published_checkpoint(name))
    options = dict(each.split("=") for each in options_of(evaluation["command"], "evaluate"))
    settings = {key.removeprefix("--evaluation."): float(value) for key, value in options.items()}
    settings = {key: int(value) if value.is_integer() else value for key, value in settings.items()}
    evaluated = replace(trained.evaluation, **settings)
    assert (evaluated.tasks, evaluated.steps) == (evaluation["tasks"], len(evaluation["mean"]) - 1)


def test_checkpoints_and_cards_travel_with_the_package_and_nothing_else():
    setup = configparser.ConfigParser()
    setup.read(ROOT / "setup.cfg")
    folders = dict(
        line.split(" = ") for line in setup["options"]["package_dir"].splitlines() if line.startswith("mamlrl")
    )
    assert ROOT / folders["mamlrl.policies"] == RESULTS
    patterns = setup["options.package_data"]["mamlrl.policies"].split(", ")
    files = {path for pattern in patterns for path in RESULTS.glob(pattern)}
    expected = {RESULTS / f"{name}.pt" for name in CHECKPOINTS}
    assert files == expected | {path.parent / "cards.yaml" for path in expected}
    assert not list(RESULTS.glob("*.py"))  # a module of the package it would be
    assert sum(path.stat().st_size for path in files) < 8 * 2**20
