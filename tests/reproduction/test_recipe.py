"""Recipes: files that say what is compared, and what is wrong with them."""

import re
from pathlib import Path

import pytest
from recipes import RECIPE, write_recipe

from mamlrl import load_config
from mamlrl.errors import UserError
from mamlrl.experiments.files import config_names
from mamlrl.reproduction.plan import plan_runs
from mamlrl.reproduction.recipe import Method
from mamlrl.reproduction.recipe_files import read_recipe, recipe_names

NAMES = ["ant_direction", "ant_velocity", "half_cheetah_direction", "half_cheetah_velocity"]
NAMES += ["images", "images_20way_1shot", "images_20way_5shot", "images_5way_5shot"]
NAMES += ["navigation2d", "sinusoid", "strokes"]
# PROTOCOL of the paper: text and tables, no plots
TABLES = {
    "navigation2d": [{0: -40.41, 1: -11.68, 2: -3.33, 3: -3.23}, {0: -42.42, 1: -13.9, 2: -5.17, 3: -3.18}],
    "half_cheetah_direction": [
        {0: -50.69, 1: 293.19, 2: 313.48, 3: 315.65},
        {0: -40.49, 1: -44.08, 2: -38.27, 3: -42.5},
    ],
    "sinusoid": [{1: 0.67, 5: 0.38, 10: 0.35}, {1: 2.41, 5: 2.23, 10: 2.19}],
}


def test_there_is_a_recipe_of_every_task_of_the_paper():
    assert recipe_names() == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_every_method_of_a_shipped_recipe_is_an_experiment_that_is_evaluated_as_the_others(name):
    recipe = read_recipe(name)
    assert recipe.config in config_names()
    assert not set(recipe.methods) & set(recipe.impossible)
    experiments = {method: recipe.experiment(method, 3) for method in recipe.methods}
    assert {each.seed for each in experiments.values()} == {3}
    assert len({(each.evaluation.tasks, each.evaluation.seed) for each in experiments.values()}) == 1
    for method in ("maml", "random"):
        whole, quick = experiments[method], recipe.experiment(method, 3, quick=True)
        assert quick.iterations <= whole.iterations
        assert quick.evaluation.tasks < whole.evaluation.tasks
    assert [each.means for each in recipe.published] == TABLES.get(name, [])


@pytest.mark.parametrize("name", ["images", "strokes"])
def test_a_method_may_be_of_another_kind_than_the_config_of_the_recipe(name, tmp_path):
    recipe = read_recipe(name)
    planned = {run.method: run for run in plan_runs(recipe, recipe.choose(None), [0], tmp_path, quick=True)}
    kinds = {method: run.experiment.kind for method, run in planned.items()}
    assert {method for method, kind in kinds.items() if kind == "classifier"} == {
        "pretrained",
        "pretrained_random_head",
    }
    for method, new_head in (("pretrained", "zeros"), ("pretrained_random_head", "random")):
        assert planned[method].experiment.classifier.new_head == new_head
        assert planned[method].experiment.iterations == planned["maml"].experiment.iterations
        assert recipe.methods[method].step_sizes


def test_the_recipe_in_the_documentation_is_one(tmp_path):
    page = (Path(__file__).parents[2] / "docs" / "reproduce.md").read_text()
    (tmp_path / "mine.yaml").write_text(re.search("```yaml\n(.*?)```", page, flags=re.DOTALL)[1])
    recipe = read_recipe(str(tmp_path / "mine.yaml"))
    assert recipe.experiment("pretrained", 0).iterations == 40
    assert recipe.experiment("maml", 0, quick=True).evaluation.tasks == 5
    assert all(f"`{name}`" in page for name in NAMES)


def test_settings_of_a_method_go_over_those_of_the_recipe(tmp_path):
    recipe = read_recipe(write_recipe(tmp_path / "tiny.yaml"))
    assert recipe.name == "tiny"
    assert recipe.methods["random"] == Method(
        configs=("random",), settings={"iterations": 0}, step_sizes=(0.1, 2.0)
    )
    expected = [f"--{key}={value}" for key, value in RECIPE["settings"].items() if key != "iterations"]
    assert recipe.experiment("random", 1) == load_config(
        "navigation2d", [*expected, "--config=random", "--iterations=0", "--seed=1"]
    )
    assert recipe.labels == {"maml": "MAML", "random": "random", "oracle": "oracle"}


def test_quick_makes_nothing_longer(tmp_path):
    recipe = read_recipe(write_recipe(tmp_path / "tiny.yaml"))
    assert recipe.experiment("maml", 0, quick=True).iterations == 1
    assert recipe.experiment("random", 0, quick=True).iterations == 0
    assert recipe.experiment("maml", 0, quick=True).meta_batch_size == 1


@pytest.mark.parametrize(
    ("methods", "message"),
    [
        (["mml"], r"^methods: tiny has no method mml; did you mean maml\?; there are: maml, random, oracle$"),
        (["context"], "^methods: tiny cannot have context: it is none of the paper's$"),
        (["maml", "maml"], "^methods: maml maml has one of them twice; give each once$"),
    ],
)
def test_methods_that_cannot_be_compared_are_refused(tmp_path, methods, message):
    with pytest.raises(UserError, match=message):
        read_recipe(write_recipe(tmp_path / "tiny.yaml")).choose(methods)


def test_an_unknown_recipe_is_refused_with_the_nearest():
    with pytest.raises(UserError, match=r"^no recipe named navigation, nor a file; did you mean navigation2d\?"):
        read_recipe("navigation")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"tilte": "x"}, "tilte is unknown; did you mean title"),
        ({"methods": {"maml": {"config": 3}}}, "Method: config must be text"),
        ({"methods": {"maml": {"lable": "x"}}}, r"methods\.maml\.lable is unknown; did you mean label"),
        ({"methods": 3}, "methods must have keys, got 3"),
        ({"methods": {}}, "methods must name one at least"),
        ({"methods": {"maml": {"settings": 3}}}, "Method: settings must be a dict, got 3"),
        ({"seeds": []}, "seeds must name one at least"),
        ({"seeds": 3}, "Recipe: seeds must be a list"),
        ({"seeds": [-1]}, "Recipe: seeds must be a whole number >= 0"),
        ({"steps": [0.5]}, "Recipe: steps must be a whole number"),
        ({"published": [{"label": "x", "source": "y"}]}, r"published\.values is missing"),
        ({"published": [{"label": "x", "source": "y", "values": {"one": 3}}]}, "by number of steps, got one"),
        ({"published": [{"label": "x", "source": "y", "values": {1: "three"}}]}, "values 1 must be a number"),
        ({"pictures": {"photo": "maml"}}, "no picture photo; take paths, fits, film"),
        ({"data": {"strokes": ""}}, "data: strokes must have a folder"),
        ({"data": {"train": "data"}}, "no program train draws data; take kanji, strokes"),
        ({"methods": {"maml": None}}, r"methods\.maml must have keys"),
        ({"pictures": {"paths": "promp"}}, r"pictures\.paths: there is no method promp"),
    ],
)
def test_a_damaged_recipe_is_refused_in_one_line(tmp_path, changes, message):
    with pytest.raises(UserError, match=message) as raised:
        read_recipe(write_recipe(tmp_path / "tiny.yaml", **changes))
    assert str(raised.value).startswith(f"recipe {tmp_path / 'tiny.yaml'}: ")
    assert "\n" not in str(raised.value)


def test_a_recipe_needs_methods(tmp_path):
    (tmp_path / "empty.yaml").write_text("title: x\nconfig: navigation2d\n")
    with pytest.raises(UserError, match="methods is missing"):
        read_recipe(str(tmp_path / "empty.yaml"))
