"""A loaded network adapts to examples as an evaluation does, and predicts."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from deployed import checkpoint
from image_folders import make_omniglot
from sinusoids import IMAML, TINY_SINUSOID

import mamlrl
from mamlrl.deployment.network import AdaptiveNetwork
from mamlrl.errors import UserError
from mamlrl.runs.checkpoints import save_checkpoint

SINE = {
    "maml": [],
    "first_order": ["--adaptation.estimator=first_order"],
    "meta_sgd": ["--adaptation.learned_step_size=per_parameter"],
    "context": ["--network.context_size=3", "--adaptation.adapted=context"],
    "imaml": IMAML,
}


def load_sine(folder, name="maml"):
    path = checkpoint(folder / f"{name}.pt", "sinusoid", [*TINY_SINUSOID[1:], *SINE[name]])
    return mamlrl.load(path)


def evaluated(network):
    """An evaluation on one task: its support and query examples, and its parameters after every step."""
    settings = replace(network.experiment.evaluation, tasks=1, steps=3)
    evaluation = mamlrl.evaluate(replace(network.experiment, evaluation=settings), network.saved.state["params"])
    return evaluation.examples, [evaluation.params(step)[0] for step in range(4)]


@pytest.mark.parametrize("name", SINE)
def test_adapting_to_the_examples_of_an_evaluation_gives_its_parameters_bit_for_bit(name, tmp_path):
    network = load_sine(tmp_path, name)
    examples, expected = evaluated(network)
    inputs, targets = examples.support.observations[0].tolist(), examples.support.targets[0].tolist()
    assert torch.equal(network.params, expected[0])
    for steps in (1, 2, 3):
        adapted = network.adapt(inputs, targets, steps=steps)
        assert adapted.steps == steps
        assert torch.equal(adapted.params, expected[steps])
    assert torch.equal(network.adapt(inputs, targets).adapt(inputs, targets, steps=2).params, expected[3])
    query = examples.query.observations[0]
    outputs = network.network(expected[3], query)
    np.testing.assert_allclose(adapted(query.numpy()), outputs, atol=1e-6)
    np.testing.assert_allclose(adapted(query[0].tolist()), outputs[0], atol=1e-6)


def test_it_goes_on_after_it_was_saved(tmp_path):
    adapted = load_sine(tmp_path).adapt([[0.0], [1.0]], [[1.0], [0.0]])
    adapted.save(tmp_path / "adapted.pt")
    loaded = mamlrl.load(tmp_path / "adapted.pt")
    assert (type(loaded), loaded.steps, loaded.input_shape) == (AdaptiveNetwork, 1, (1,))
    assert torch.equal(loaded.params, adapted.params)


NETWORKS = {
    "convolutional": ["--network.hidden_sizes=[4,4]"],
    "dense": ["--network.hidden_sizes=[4,4]", "--network.images=dense"],
    "context": ["--network.hidden_sizes=[4,4]", "--network.context_size=1", "--adaptation.adapted=context"],
}


@pytest.fixture
def classifier(tmp_path, request):
    """A checkpoint of a network for images, its data set gone."""
    data = tmp_path / "data"
    make_omniglot(data)
    network_options = NETWORKS[getattr(request, "param", "convolutional")]
    options = [f"--data.folder={data}", *network_options, "--data.ways=2", "--data.queries=1"]
    options += ["--data.validation_tasks=2", "--meta_batch_size=2"]
    path = checkpoint(tmp_path / "images.pt", "omniglot_5way_1shot", [*options, "--compile=false"])
    network = mamlrl.load(path)
    examples, expected = evaluated(network)
    data.rename(tmp_path / "gone")
    return mamlrl.load(path), examples, expected


@pytest.mark.parametrize("classifier", NETWORKS, indirect=True)
def test_a_network_for_images_needs_no_data_set(classifier):
    network, examples, expected = classifier
    images, classes = examples.support.observations[0].numpy(), examples.support.targets[0].numpy()
    assert (network.input_shape, images.dtype) == ((1, 28, 28), np.uint8)
    adapted = network.adapt(images, classes, steps=2)
    assert torch.equal(adapted.params, expected[2])
    query = examples.query.observations[0].numpy()
    probabilities = adapted(query)
    np.testing.assert_allclose(probabilities.sum(axis=-1), 1, atol=1e-6)
    logits = network.network(expected[2], torch.from_numpy(query))
    np.testing.assert_allclose(probabilities, logits.softmax(dim=-1), atol=1e-6)
    np.testing.assert_allclose(adapted(query / 255), probabilities, atol=1e-5)  # bytes are scaled to [0, 1]


def test_a_checkpoint_of_an_earlier_version_needs_it(classifier, tmp_path):
    network, _, _ = classifier
    state = {name: value for name, value in network.saved.state.items() if name != "interface"}
    save_checkpoint(tmp_path / "old.pt", network.experiment, state)
    with pytest.raises(UserError, match=r"old\.pt is of an earlier version.*data\.folder: there is no folder"):
        mamlrl.load(tmp_path / "old.pt")
    (tmp_path / "gone").rename(tmp_path / "data")
    with pytest.warns(UserWarning, match=r"old\.pt is of an earlier version"):
        loaded = mamlrl.load(tmp_path / "old.pt")
    loaded.save(tmp_path / "new.pt")
    (tmp_path / "data").rename(tmp_path / "gone")
    assert mamlrl.load(tmp_path / "new.pt").input_shape == (1, 28, 28)


@pytest.mark.parametrize(
    "interface", [{}, {"image_shape": [1, 28], "ways": 2, "downsampling": "stride"}, "text", [1]]
)
def test_a_damaged_description_of_the_network_is_refused(classifier, tmp_path, interface):
    network, _, _ = classifier
    save_checkpoint(tmp_path / "bad.pt", network.experiment, {**network.saved.state, "interface": interface})
    with pytest.raises(UserError, match=r"bad\.pt is a damaged checkpoint") as raised:
        mamlrl.load(tmp_path / "bad.pt")
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    ("inputs", "targets", "words"),
    [
        ([[0.0, 1.0]], [[0.0]], r"inputs: must have shape \(sample, 1\), got \(1, 2\)"),
        ([0.0], [[0.0]], r"inputs: must be examples of shape \(sample, 1\)"),
        ([[0.0]], [0.0], r"targets: must have shape \(1, 1\), got \(1,\)"),
        ([[0.0]], [[0.0], [1.0]], r"targets: must have shape \(1, 1\), got \(2, 1\)"),
        ([[np.nan]], [[0.0]], "inputs: has numbers that are not finite"),
        ([[0.0]], [[np.inf]], "targets: has numbers that are not finite"),
        ([[0.0], [0.0, 1.0]], [[0.0]], "inputs: must be numbers .* lists of several lengths"),
        ([["a"]], [[0.0]], "inputs: must be numbers .* got <U1"),
        (np.zeros((0, 1)), np.zeros((0, 1)), "inputs: must be examples"),
    ],
)
def test_examples_that_cannot_be_used(tmp_path, inputs, targets, words):
    with pytest.raises(UserError, match=words):
        load_sine(tmp_path).adapt(inputs, targets)


@pytest.mark.parametrize("targets", [[0, 2], [0, -1], [0.5, 1], [0], [[0, 1]]])
def test_classes_that_there_are_not(classifier, targets):
    with pytest.raises(UserError, match="targets: must be 2 classes from 0 to 1, one for each input"):
        classifier[0].adapt(np.zeros((2, 1, 28, 28)), targets)


@pytest.mark.parametrize("steps", [0, -1, 1.5, True, "2"])
def test_steps_are_whole_numbers_from_1(tmp_path, steps):
    with pytest.raises(UserError, match="steps must be a whole number from 1, got"):
        load_sine(tmp_path).adapt([[0.0]], [[0.0]], steps=steps)


@pytest.mark.parametrize("brightest", [255, 255.0, -1])
def test_images_that_are_neither_bytes_nor_from_0_to_1(classifier, brightest):
    network, images = classifier[0], np.zeros((2, 1, 28, 28), type(brightest))
    images[1, 0, 0, 0] = brightest
    for use in (network, lambda images: network.adapt(images, [0, 1])):
        with pytest.raises(UserError, match=r"inputs: images must be bytes .* or numbers from 0 to 1"):
            use(images)
