"""What a classifier of all classes cannot be, each in one line."""

import pytest
import torch
from image_folders import make_omniglot, options
from programs import run

import mamlrl
from mamlrl.distributed import team
from mamlrl.errors import LearningError, UserError
from mamlrl.experiments.command_line import load_config
from mamlrl.learners.build import make_learner
from mamlrl.networks.images import ImageInterface, NetworkConfig
from mamlrl.runs.saved import SavedRun, latest_checkpoint
from mamlrl.supervised.sinusoid import Sinusoid

OVERLAY = "--config=pretrained_classes"


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return make_omniglot(tmp_path_factory.mktemp("data"))


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (["--compile=true"], "compile: experiments of kind classifier cannot be compiled; set it to false"),
        (["--adaptation.steps=0"], "adaptation.steps: a new head knows nothing before it is adapted"),
        (
            ["--adaptation.learned_step_size=one"],
            "adaptation: experiments of kind classifier learn nothing of the",
        ),
        (
            ["--adaptation.adapted=context", "--network.context_size=1"],
            "adaptation.adapted: context leaves the new",
        ),
        (
            ["--classifier.batch_size=1"],
            "classifier.batch_size: 12 images in batches of at most 1 leave one image",
        ),
        (["--classifier.batch_size=0"], "classifier.batch_size must be > 0, got 0"),
        (["--classifier.new_head=ones"], "classifier.new_head must be one of 'zeros', 'random', got ones"),
        (
            ["--network.images=dense", "--network.hidden_sizes=[]"],
            "network.images: dense has nothing but its head",
        ),
        (
            ["--data.task_inputs=true"],
            "data.task_inputs: tasks of strokes have no parameters that could be inputs",
        ),
        (["--config=sinusoid"], "data.dataset: sinusoid has no classes that one network could tell apart; "),
        (["--config=sinusoid", "--data.task_inputs=true"], "data.dataset: sinusoid has no classes"),
    ],
)
def test_what_does_not_fit_is_refused_in_one_line(data, tmp_path, more, message, capsys):
    configs = [each for each in more if each == "--config=sinusoid"]
    others = [each for each in more if each not in configs]
    task = configs or options("strokes", data)
    assert run("train", *task, OVERLAY, *others, "--output", tmp_path / "run") == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1
    assert not (tmp_path / "run").exists()


def test_plain_pretraining_on_images_names_the_overlay_that_can(data, tmp_path, capsys):
    task = options("strokes", data)
    assert run("train", *task, "--config=pretrained", "--output", tmp_path / "run") == 2
    error = capsys.readouterr().err
    assert "adaptation.steps: without an inner loop, nothing can be learned of classes" in error
    assert "lay pretrained_classes over the config instead" in error
    assert not (tmp_path / "run").exists()


def test_a_network_that_is_given_as_an_object_has_no_head_to_replace(data):
    config = load_config("strokes", [*options("strokes", data)[1:], OVERLAY])
    network = ImageInterface((1, 28, 28), 2, "stride").make_network(NetworkConfig(hidden_sizes=(3,)))
    config = mamlrl.with_settings(config, {"network.images": network})
    with pytest.raises(
        UserError, match=r"^network\.images: object .*ConvolutionalNetwork has no head: a classifier"
    ):
        make_learner(config)


def test_data_of_one_s_own_without_classes_are_named():
    class Waves(Sinusoid):
        interface = ImageInterface((1, 28, 28), 2, "stride")

    config = load_config("sinusoid", [OVERLAY, "--data.validation_tasks=2"])
    config = mamlrl.with_settings(config, {"data.dataset": Waves()})
    with pytest.raises(UserError, match=r"^data\.dataset: object .*Waves has no classes that one network"):
        make_learner(config)


def test_several_processes_are_refused(data, monkeypatch):
    monkeypatch.setattr(team, "_teams", [team.Team(0, 2)])
    config = load_config("strokes", [*options("strokes", data)[1:], OVERLAY])
    with pytest.raises(UserError, match=r"^kind: classifier learns in one process; start it without torchrun$"):
        make_learner(config)


def test_there_is_no_benchmark_of_it(data, capsys):
    task = [*options("strokes", data), OVERLAY]
    assert run("benchmark", *task) == 2
    assert "its kind must be one of policy, supervised, got classifier" in capsys.readouterr().err


@pytest.mark.parametrize("damage", ["shape", "not finite", "none"])
def test_a_damaged_head_is_found_on_resume(data, damage):
    learner = make_learner(load_config("strokes", [*options("strokes", data)[1:], OVERLAY]))
    state = learner.state_dict()
    if damage == "none":
        del state["class_head"]
    else:
        state["class_head"] = state["class_head"][1:] if damage == "shape" else state["class_head"] * float("nan")
    with pytest.raises(UserError, match=r"^its state is damaged: .*class_head"):
        learner.load_state_dict(state)


def test_learning_that_diverges_leaves_the_parameters(data, monkeypatch):
    learner = make_learner(load_config("strokes", [*options("strokes", data)[1:], OVERLAY]))
    before, head = learner.params.clone(), learner.class_head.clone()
    monkeypatch.setattr(learner.optimizer, "descend", lambda params, gradient: params * float("inf"))
    with pytest.raises(
        LearningError, match=r"^iteration 1: .* of the classifier is not finite.*adam\.learning_rate"
    ):
        learner.step()
    assert torch.equal(learner.params, before)
    assert torch.equal(learner.class_head, head)
    assert learner.iteration == 0


def test_a_run_does_not_go_on_with_other_classes(data, tmp_path, capsys):
    copy = make_omniglot(tmp_path / "data")
    task = [*options("strokes", copy), OVERLAY, "--iterations=1", "--output", tmp_path / "run"]
    assert run("train", *task) == 0
    before = latest_checkpoint(tmp_path / "run").read_bytes()
    name = sorted(set(SavedRun.load(tmp_path / "run").state["classes"]))[0]
    (folder,) = copy.glob(f"*/{name}")
    for image in folder.iterdir():
        image.unlink()
    folder.rmdir()
    assert run("train", "--output", tmp_path / "run", "--resume", "--iterations=2") == 2
    assert f"the run to resume was trained on other classes ({name} gone)" in capsys.readouterr().err
    assert latest_checkpoint(tmp_path / "run").read_bytes() == before
