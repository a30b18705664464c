"""What is to run, and what has run: found in folders, checked, refused."""

import shutil
from dataclasses import replace
from itertools import pairwise

import pytest
from recipes import write_recipe

from mamlrl import train
from mamlrl.errors import UserError
from mamlrl.reproduction.calibration import training_seconds
from mamlrl.reproduction.plan import check_complete, plan_runs
from mamlrl.reproduction.recipe_files import read_recipe
from mamlrl.runs.saved import latest_checkpoint


@pytest.fixture(scope="module")
def recipe(tmp_path_factory):
    return read_recipe(write_recipe(tmp_path_factory.mktemp("recipe") / "tiny.yaml"))


@pytest.fixture(scope="module")
def trained(recipe, tmp_path_factory):
    """A folder with a complete run of MAML, seed 0, and one of the initialisation."""
    folder = tmp_path_factory.mktemp("trained")
    train(recipe.experiment("maml", 0), folder / "maml" / "seed0")
    train(recipe.experiment("random", 1), folder / "random" / "seed1")
    return folder


def states(planned):
    return {run.name: (run.iteration, run.left, run.done) for run in planned}


def test_runs_are_found_where_they_are(recipe, trained):
    planned = plan_runs(recipe, ["maml", "random"], [0, 1], trained)
    assert states(planned) == {
        "maml seed 0": (1, 0, True),
        "maml seed 1": (None, 1, False),
        "random seed 0": (None, 0, False),
        "random seed 1": (0, 0, True),
    }
    assert planned[0].metrics()[0]["iteration"] == 1
    assert planned[3].metrics() == []
    assert planned[0].saved.experiment == planned[0].experiment


def test_complete_runs_of_other_folders_are_taken(recipe, trained, tmp_path):
    shutil.copytree(trained / "maml" / "seed0", tmp_path / "runs" / "maml_seed0")
    shutil.copy(latest_checkpoint(trained / "random" / "seed1"), tmp_path / "runs" / "random_seed1.pt")
    shutil.copytree(trained / "maml" / "seed0", tmp_path / "alone" / "seed0")
    for places in ([str(tmp_path / "runs")], [f"maml={tmp_path / 'alone'}"], [str(trained)]):
        (run,) = plan_runs(recipe, ["maml"], [0], tmp_path / "output", runs=places)
        assert run.done
        assert run.folder.is_relative_to(tmp_path if places[0] != str(trained) else trained)
    (run,) = plan_runs(recipe, ["random"], [1], tmp_path / "output", runs=[str(tmp_path / "runs")])
    assert (run.done, run.folder.name) == (True, "random_seed1.pt")
    (run,) = plan_runs(recipe, ["maml"], [0], tmp_path / "output", runs=[f"oracle={tmp_path / 'alone'}"])
    assert not run.done


def test_own_runs_come_before_others(recipe, trained, tmp_path):
    shutil.copytree(trained / "maml" / "seed0", tmp_path / "maml" / "seed0")
    (run,) = plan_runs(recipe, ["maml"], [0], tmp_path, runs=[str(trained)])
    assert run.folder == tmp_path / "maml" / "seed0"


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"adaptation.step_size": 0.3}, r"^adaptation\.step_size: the run at .* was made with 0\.5, not 0\.3; "),
        ({"iterations": 0}, "^iterations: the run at .* has done 1, not 0; "),
    ],
)
def test_runs_of_other_settings_are_refused(trained, tmp_path, settings, message):
    original = read_recipe(write_recipe(tmp_path / "tiny.yaml"))
    other = replace(original, settings={**original.settings, **settings})
    with pytest.raises(UserError, match=message + "choose another --output"):
        plan_runs(other, ["maml"], [0], trained)
    with pytest.raises(UserError, match=message + "leave --runs out"):
        plan_runs(other, ["maml"], [0], tmp_path / "output", runs=[str(trained)])


def test_a_run_of_another_seed_is_refused(recipe, trained, tmp_path):
    shutil.copytree(trained / "maml" / "seed0", tmp_path / "maml" / "seed1")
    with pytest.raises(UserError, match=r"^seed: the run at .* was made with 0, not 1; "):
        plan_runs(recipe, ["maml"], [1], tmp_path)


def test_incomplete_runs_are_not_taken_from_elsewhere(recipe, trained, tmp_path):
    longer = replace(recipe, settings={**recipe.settings, "iterations": 5})
    assert states(plan_runs(longer, ["maml"], [0], trained)) == {"maml seed 0": (1, 4, False)}
    with pytest.raises(UserError, match=r"^iterations: the run at .* has done 1, not 5; leave --runs out$"):
        plan_runs(longer, ["maml"], [0], tmp_path, runs=[str(trained)])


def test_what_is_in_the_way_of_a_run_stays(recipe, tmp_path):
    (tmp_path / "maml" / "seed0").mkdir(parents=True)
    (tmp_path / "maml" / "seed0" / "config.yaml").write_text("mine\n")
    with pytest.raises(UserError, match="is in the way of a new run"):
        plan_runs(recipe, ["maml"], [0], tmp_path)


def test_a_missing_run_is_named(recipe, trained):
    check_complete(plan_runs(recipe, ["maml"], [0], trained))
    with pytest.raises(UserError, match=r"^the run of maml seed 1 at .*maml/seed1 is missing; "):
        check_complete(plan_runs(recipe, ["maml"], [0, 1], trained))
    longer = replace(recipe, settings={**recipe.settings, "iterations": 5})
    with pytest.raises(UserError, match=r"^the run of maml seed 0 at .* has done 1 of 5 meta-iterations; leave"):
        check_complete(plan_runs(longer, ["maml"], [0], trained))


@pytest.mark.parametrize(
    ("seeds", "runs", "message"),
    [
        ([0, 0], [], "^seeds: 0 0 has one of them twice"),
        ([0], ["nowhere"], "^runs: there is no folder nowhere$"),
        ([0], ["mml=."], "^methods: tiny has no method mml"),
    ],
)
def test_what_cannot_be_planned_is_refused(recipe, tmp_path, seeds, runs, message):
    with pytest.raises(UserError, match=message):
        plan_runs(recipe, ["maml"], seeds, tmp_path, runs=runs)


def test_times_are_measured_or_read_from_metrics(recipe, trained, tmp_path):
    planned = plan_runs(recipe, ["maml", "oracle"], [0, 1], trained)
    seconds = training_seconds(planned)
    assert list(seconds) == ["maml seed 1", "oracle seed 0", "oracle seed 1"]
    assert seconds["oracle seed 0"] == seconds["oracle seed 1"] > 0
    longer = replace(recipe, settings={**recipe.settings, "iterations": 9})
    train(replace(longer.experiment("maml", 0), iterations=6), tmp_path / "maml" / "seed0")
    (begun,) = plan_runs(longer, ["maml"], [0], tmp_path)
    times = [row["wall_time"] for row in begun.metrics()]
    gaps = sorted(after - before for before, after in pairwise(times))
    assert training_seconds([begun]) == {"maml seed 0": pytest.approx(3 * gaps[2])}
