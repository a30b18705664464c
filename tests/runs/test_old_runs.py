"""Checkpoints and run folders of earlier versions are used as before."""

import shutil
from dataclasses import replace
from pathlib import Path

import pytest
import torch
import yaml
from programs import TINY, deterministic_rows, run
from sinusoids import TINY_SINUSOID

from mamlrl.experiments.old_formats import with_kind
from mamlrl.experiments.plain import plain_experiment
from mamlrl.experiments.policy import PolicyExperiment
from mamlrl.learners.build import make_learner
from mamlrl.runs.checkpoints import load_checkpoint
from mamlrl.runs.saved import latest_checkpoint

RESULTS = Path(__file__).parents[2] / "docs" / "results"
CHECKPOINTS = sorted(path.relative_to(RESULTS) for path in RESULTS.rglob("*.pt"))
SUPERVISED_FOLDERS = ("sinusoid", "strokes", "kanji")  # what their names begin with

SAVED_WITHOUT_KIND = (
    *("navigation2d/", "navigation2d_text/", "half_cheetah_direction/", "half_cheetah_direction_gymnasium/"),
    *("half_cheetah_velocity/seed0", "ant_direction_gymnasium/", "sinusoid/averaged", "sinusoid/first_order"),
    *("sinusoid/imaml", "sinusoid/maml", "sinusoid/meta_sgd", "sinusoid/pretrained"),
)
EARLY_METHODS = ("maml", "first_order", "meta_sgd", "imaml", "promp")
WITHOUT_DATA = [path for path in CHECKPOINTS if not path.parts[0].startswith(("strokes", "kanji", "metaworld"))]

every_checkpoint = pytest.mark.parametrize("path", CHECKPOINTS, ids=str)
every_checkpoint_without_data = pytest.mark.parametrize("path", WITHOUT_DATA, ids=str)


def kind_of(path):
    """The kind of a published checkpoint's experiment."""
    if not path.parts[0].startswith(SUPERVISED_FOLDERS):
        return "policy"
    of_images = not path.parts[0].startswith("sinusoid")
    return "classifier" if of_images and path.stem.startswith("pretrained") else "supervised"


def leaves(values, prefix=""):
    for key, value in values.items():
        if isinstance(value, dict) and key != "kwargs":
            yield from leaves(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value


@every_checkpoint
def test_a_published_checkpoint_says_what_it_always_said(path):
    experiment, state = load_checkpoint(RESULTS / path)
    content = torch.load(RESULTS / path, weights_only=True)
    assert experiment.kind == kind_of(path)
    is_early_method = path.parts[0] == "navigation2d_methods" and path.stem.startswith(EARLY_METHODS)
    assert ("kind" not in content["config"]) == (is_early_method or path.as_posix().startswith(SAVED_WITHOUT_KIND))
    plain = dict(leaves(plain_experiment(experiment)))
    for key, value in leaves(with_kind(content["config"])):
        assert plain[key] == value, key
    dropped = {key.split(".")[0] for key, _ in leaves(content["config"])} - {key.split(".")[0] for key in plain}
    assert dropped <= (
        {"data", "compile"}
        if experiment.kind == "policy"
        else {"env", "policy", "sampling", "advantages", "trust_region", "promp"}
    )
    assert torch.equal(state["params"], content["state"]["params"])
    assert state.keys() == content["state"].keys()


@every_checkpoint_without_data
def test_its_parameters_are_still_those_of_its_experiment(path):
    experiment, state = load_checkpoint(RESULTS / path)
    small = replace(experiment, meta_batch_size=1)
    if isinstance(small, PolicyExperiment):
        small = replace(small, sampling=replace(small.sampling, episodes_per_task=1, groups=1))
    else:
        small = replace(small, compile=False)
    learner = make_learner(small)
    learner.check_fits(state["params"])
    assert state["params"].shape == learner.params.shape


SINCE = ("kind", "checkpoint_every", "precision", "exploration_weight")


def old_policy(plain):
    """A plain experiment as it was before there were kinds, wrappers and architectures."""
    data = {"dataset": "none", "folder": None, "ways": 5, "shots": 1, "queries": 15, "validation_tasks": 100}
    old = {name: value for name, value in plain.items() if name not in SINCE}
    old["policy"] = {name: value for name, value in plain["policy"].items() if name != "architecture"}
    old["env"] = {name: value for name, value in plain["env"].items() if name != "wrappers"}
    old["evaluation"] = {**plain["evaluation"], "shots": 0, "queries": 0}
    return {**old, "data": data, "compile": False}


def old_supervised(plain):
    unused = {
        **old_policy(plain_experiment(PolicyExperiment())),
        "data": plain["data"],
        "compile": plain["compile"],
    }
    shared = {name: plain[name] for name in plain.keys() & unused.keys() - {"adaptation", "evaluation"}}
    return {
        **unused,
        **shared,
        "policy": {**plain["network"], "initial_std": 1.0, "min_std": 1e-6},
        "adaptation": {**plain["adaptation"], "loss": "reinforce"},
        "evaluation": {**plain["evaluation"], "episodes_per_task": 20},
    }


def age(folder):
    """Rewrites a run folder as an earlier version would have left it."""
    for path in (folder / "checkpoints").iterdir():
        content = torch.load(path, weights_only=True)
        old = old_policy if content["config"]["kind"] == "policy" else old_supervised
        content["config"] = old(content["config"])
        content["state"].pop("interface", None)
        torch.save(content, path)
    (folder / "config.yaml").write_text(yaml.safe_dump(content["config"], sort_keys=False))


@pytest.fixture(scope="module")
def aged(tmp_path_factory):
    """Old run folders after half of the iterations, and new ones after all."""
    folder = tmp_path_factory.mktemp("aged")
    for kind, options, half, whole in [("policy", TINY, 2, 4), ("supervised", TINY_SINUSOID, 4, 8)]:
        assert run("train", *options, f"--iterations={half}", "--output", folder / f"old_{kind}") == 0
        assert run("train", *options, f"--iterations={whole}", "--output", folder / kind) == 0
        age(folder / f"old_{kind}")
    return folder


@pytest.fixture(params=["policy", "supervised"])
def kind(request):
    return request.param


def test_an_old_run_goes_on_as_if_it_were_new(aged, kind, tmp_path):
    whole = load_checkpoint(latest_checkpoint(aged / kind))[0].iterations
    shutil.copytree(aged / f"old_{kind}", tmp_path / "run")
    assert run("train", "--output", tmp_path / "run", "--resume", f"--iterations={whole}") == 0
    assert deterministic_rows(tmp_path / "run") == deterministic_rows(aged / kind)
    assert (tmp_path / "run" / "config.yaml").read_text() == (aged / kind / "config.yaml").read_text()
    (_, resumed), (_, new) = (load_checkpoint(latest_checkpoint(each)) for each in (tmp_path / "run", aged / kind))
    assert torch.equal(resumed["params"], new["params"])
    assert resumed.keys() == new.keys()


def test_an_old_run_is_refused_as_another_experiment(aged, kind, tmp_path, capsys):
    shutil.copytree(aged / f"old_{kind}", tmp_path / "run")
    assert run("train", "--output", tmp_path / "run", "--resume", "--meta_batch_size=7") == 2
    assert "meta_batch_size: the run to resume has" in capsys.readouterr().err


def test_an_old_run_is_evaluated_and_drawn(aged, kind, tmp_path, capsys):
    old = aged / f"old_{kind}"
    assert run("evaluate", old, "--evaluation.steps=1", "--json", tmp_path / "e.json") == 0
    assert "step 1:" in capsys.readouterr().out
    figure = "paths" if kind == "policy" else "fits"
    for name, inputs in [("curves", [old]), ("adaptation", [tmp_path / "e.json"]), (figure, [old])]:
        assert run("plot", name, *inputs, "--output", tmp_path / f"{name}.png") == 0


def test_an_old_run_and_a_new_one_that_differ_in_their_seed_are_drawn_together(aged, kind, tmp_path, monkeypatch):
    groups = []
    monkeypatch.setattr("mamlrl.scripts.plot.learning_curves", lambda runs, metric: groups.append(runs))
    monkeypatch.setattr("mamlrl.scripts.plot.write_figure", lambda figure, path: None)
    shutil.copytree(aged / f"old_{kind}", tmp_path / "old")
    shutil.copytree(tmp_path / "old", tmp_path / "new")
    experiment, _ = load_checkpoint(latest_checkpoint(tmp_path / "new"))
    plain = plain_experiment(replace(experiment, seed=5))
    (tmp_path / "new" / "config.yaml").write_text(yaml.safe_dump(plain))
    assert run("plot", "curves", tmp_path / "old", tmp_path / "new", "--output=x.png") == 0
    assert [(label, len(runs)) for label, runs in groups[0].items()] == [("old", 2)]
