"""A classifier of all classes: its training, its heads, its runs."""

import numpy as np
import pytest
import torch
from image_folders import make_omniglot, options
from programs import deterministic_rows, deterministic_state, run
from torch.nn import functional

from mamlrl import evaluate, load_config, make_learner
from mamlrl.runs.checkpoints import load_checkpoint
from mamlrl.runs.saved import SavedRun, best_checkpoint, latest_checkpoint
from mamlrl.supervised.strokes import write_strokes


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return make_omniglot(tmp_path_factory.mktemp("data"))


def overlaid(data, *more):
    return [*options("strokes", data), "--config=pretrained_classes", *more]


def learner_of(data, *more):
    first, *others = overlaid(data, *more)
    return make_learner(load_config(first.removeprefix("--config="), others))


def tensors(learner, params=None):
    return learner.heads.few.unflatten(learner.params if params is None else params)


def test_a_meta_iteration_sees_as_many_images_as_its_tasks_would_have(data):
    learner = learner_of(data, "--meta_batch_size=3", "--classifier.batch_size=7")
    batches = learner.sample_batches()
    assert [len(batch.targets[0]) for batch in batches] == [6, 6, 6]  # 3 tasks x 2 ways x 3 images
    assert [batch.weights.sum().item() for batch in batches] == pytest.approx([1, 1, 1])
    assert learner.summary()["meta-iteration"] == "18 images of 20 classes in 3 batches"
    uneven = learner_of(data, "--meta_batch_size=3", "--classifier.batch_size=5")
    assert [len(batch.targets[0]) for batch in uneven.sample_batches()] == [4, 5, 4, 5]


def test_steps_are_those_of_plain_autograd_and_adam(data):
    learner = learner_of(data, "--classifier.batch_size=4")
    every = learner.heads.for_many(learner.params, learner.class_head).requires_grad_()
    optimizer = torch.optim.Adam([every], lr=learner.config.adam.learning_rate)
    entropies, correct = [], []
    for iteration in range(3):
        learner.randomness.begin(iteration)
        for batch in learner.sample_batches():
            outputs = learner.heads.many(every, batch.observations[0])
            loss = functional.cross_entropy(outputs, batch.targets[0])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            entropies.append(loss.item())
            correct.append((outputs.argmax(dim=-1) == batch.targets[0]).double().mean().item())
        metrics = learner.iterate()
    torch.testing.assert_close(learner.class_head, learner.heads.head_of(every), rtol=1e-5, atol=1e-6)
    expected = learner.heads.for_few(every, learner.params)
    torch.testing.assert_close(learner.params, expected, rtol=1e-5, atol=1e-6)
    assert metrics["classes/cross_entropy"] == pytest.approx(np.mean(entropies[-3:]), rel=1e-5)
    assert metrics["classes/accuracy"] == pytest.approx(np.mean(correct[-3:]))


def test_batches_of_other_sizes_count_by_their_images(data, monkeypatch):
    learner = learner_of(data, "--meta_batch_size=3", "--classifier.batch_size=5")
    found = iter([1.0, 2.0, 3.0, 4.0])
    monkeypatch.setattr(learner, "learn", lambda params, batch: (params, {"classes/accuracy": next(found)}))
    learner.step()
    assert learner.report().metrics["classes/accuracy"] == pytest.approx((4 * 1 + 5 * 2 + 4 * 3 + 5 * 4) / 18)


@pytest.mark.parametrize("new_head", ["zeros", "random"])
def test_the_body_is_the_classifier_s_and_the_head_is_new(data, new_head):
    learner = learner_of(data, f"--classifier.new_head={new_head}")
    first, *others = options("strokes", data)
    start = make_learner(load_config(first.removeprefix("--config="), others)).params
    before, every = tensors(learner, start), learner.class_head
    learner.step()
    for name, tensor in tensors(learner).items():
        if name not in learner.heads.head:
            assert not torch.equal(tensor, before[name])
        elif new_head == "zeros":
            assert not tensor.any()
        else:
            assert torch.equal(tensor, before[name])
    assert not torch.equal(learner.class_head, every)


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A classifier that was trained for a while on 24 classes, each a character or a rotation of one."""
    folder = tmp_path_factory.mktemp("drawings")
    write_strokes(folder, seed=0, alphabets=1, characters=11, images=8)
    small = ["--data.ways=2", "--data.queries=4", "--data.validation_tasks=2", "--adaptation.step_size=0.3"]
    small += [
        "--network.hidden_sizes=[16, 16, 16]",
        "--evaluation.tasks=40",
        "--evaluation.queries=4",
        "--evaluation.steps=3",
    ]
    more = ["--config=pretrained_classes", f"--data.folder={folder}", "--adam.learning_rate=0.03", *small]
    learner = make_learner(load_config("strokes", more))
    for _ in range(24):
        learner.step()
    return learner


def test_all_classes_are_told_apart(trained):
    images = trained.tasks.images
    classes = torch.from_numpy(np.repeat(np.arange(len(images.counts)), images.counts))
    every = trained.heads.for_many(trained.params, trained.class_head)
    outputs = trained.heads.many(every, torch.from_numpy(images.images))
    assert (len(images.counts), outputs.shape[-1]) == (24, 24)
    assert (outputs.argmax(dim=-1) == classes).double().mean() > 0.3
    assert trained.report().metrics["classes/accuracy"] > 0.3


def test_fine_tuning_tells_other_classes_apart(trained):
    accuracies = evaluate(trained.config, trained.params).metrics["accuracy"].mean(axis=1)
    assert accuracies[0] == pytest.approx(0.5)
    assert accuracies[-1] > 0.65


def test_a_report_has_what_validation_tasks_say_and_leaves_the_run_alone(data):
    learner, silent = learner_of(data), learner_of(data)
    report = learner.report()
    assert report.absent == ("classes/cross_entropy", "classes/accuracy")
    assert report.metrics["accuracy/step_0"] == 0.5  # of a head of zeros, which takes the first class for all
    learner.iterate()
    silent.step()
    report = learner.report()
    assert report.absent == ()
    assert {"accuracy/step_5", "loss/step_5", "seconds/sampling", "seconds/step"} <= report.metrics.keys()
    assert report.score == -report.metrics["loss/step_5"]
    assert torch.equal(learner.class_head, silent.class_head)
    assert torch.equal(learner.params, silent.params)


def test_interrupted_and_resumed_a_run_is_as_if_never_stopped(data, tmp_path):
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    more = overlaid(data, "--classifier.batch_size=5", "--classifier.new_head=random")
    assert run("train", *more, "--output", whole, "--iterations=4") == 0
    assert run("train", *more, "--output", broken, "--iterations=2") == 0
    assert run("train", "--output", broken, "--resume", "--iterations=4") == 0
    assert deterministic_rows(broken) == deterministic_rows(whole)
    for checkpoint in (latest_checkpoint, best_checkpoint):
        a, b = (deterministic_state(checkpoint(folder)) for folder in (broken, whole))
        assert torch.equal(a["params"], b["params"])
        assert torch.equal(a["class_head"], b["class_head"])
        assert all(torch.equal(a["optimizer"][name], b["optimizer"][name]) for name in a["optimizer"])
        assert (a["iteration"], a["best_score"]) == (b["iteration"], b["best_score"])


def test_a_run_is_evaluated_loaded_plotted_and_begun_from(data, tmp_path, capsys):
    folder, json = tmp_path / "run", tmp_path / "evaluation.json"
    assert run("train", *overlaid(data, "--iterations=1"), "--output", folder) == 0
    capsys.readouterr()
    choice = ["--step_sizes", "0.1", "1.0", "--evaluation.steps=2"]
    assert run("evaluate", folder, *choice, "--json", json) == 0
    assert "accuracy" in capsys.readouterr().out
    assert run("plot", "adaptation", json, "--output", tmp_path / "adaptation.png") == 0
    saved = SavedRun.load(folder)
    assert saved.experiment.kind == "classifier"
    assert saved.evaluate(saved.experiment).metrics["accuracy"][0] == pytest.approx(0.5)
    supervised = options("strokes", data)
    assert run("train", *supervised, "--init_from", folder, "--output", tmp_path / "maml") == 0
    learner = learner_of(data, "--classifier.new_head=random")
    own = tensors(learner)
    state = load_checkpoint(latest_checkpoint(tmp_path / "maml"))[1]
    learner.take_parameters(state)
    for name, tensor in tensors(learner).items():
        given = own if name in learner.heads.head else tensors(learner, state["params"])
        assert torch.equal(tensor, given[name])
