import numpy as np
import pytest
import torch
from image_folders import make_mini_imagenet, make_omniglot
from torch.nn import functional

from mamlrl.errors import UserError
from mamlrl.experiments.command_line import load_config
from mamlrl.learners.build import make_learner
from mamlrl.networks.images import NetworkConfig
from mamlrl.supervised.build import DataConfig, make_supervised_tasks
from mamlrl.supervised.image_sets import ImageSet
from mamlrl.supervised.image_tasks import ImageTasks
from mamlrl.supervised.strokes import write_strokes


def numbered_images(counts):
    """Images of one pixel, which is their index."""
    indices = np.arange(sum(counts), dtype=np.uint8).reshape(-1, 1, 1, 1)
    return ImageSet(indices, np.array(counts), tuple(map(str, range(len(counts)))))


def drawn(counts, ways=3, tasks=50, support=2, query=3, seed=0):
    """Indices of the images drawn for support and query, shape (task, class, image), and the targets."""
    tasks_of = ImageTasks(numbered_images(counts), ways, "stride")
    examples = tasks_of.sample(np.random.default_rng(seed), tasks, support, query)
    for batch in (examples.support, examples.query):
        assert batch.observations.dtype == torch.uint8
        torch.testing.assert_close(batch.weights.sum(dim=1), torch.ones(tasks))
    parts = [b.observations.int().view(tasks, ways, -1) for b in (examples.support, examples.query)]
    return *parts, [b.targets.view(tasks, ways, -1) for b in (examples.support, examples.query)]


def test_a_task_has_distinct_classes_and_each_image_once():
    counts = [5, 9, 6, 5, 7]
    owner = np.repeat(range(5), counts)
    support, query, targets = drawn(counts)
    assert support.shape == (50, 3, 2)
    assert query.shape == (50, 3, 3)
    for images, target in zip((support, query), targets, strict=True):
        classes = owner[images]
        assert (classes == classes[..., :1]).all()  # the same target, the same class
        assert torch.equal(target, torch.arange(3)[None, :, None].expand(target.shape))
        assert all(len(set(row)) == 3 for row in classes[..., 0].tolist())
    together = torch.cat([support, query], dim=2).flatten(1)
    assert all(len(set(row)) == 15 for row in together.tolist())
    np.testing.assert_array_equal(owner[support[..., 0]], owner[query[..., 0]])


def test_every_class_gets_every_target_and_every_image_is_drawn():
    counts = [5, 9, 6, 5, 7]
    support, query, _ = drawn(counts, tasks=2000)
    classes = np.repeat(range(5), counts)[support[..., 0]]
    frequencies = np.stack([(classes == label).mean(axis=0) for label in range(5)])
    np.testing.assert_allclose(frequencies, 1 / 5, atol=0.04)
    for part, per_class in ((support, 2), (query, 3)):
        times = np.bincount(part.flatten(), minlength=sum(counts))
        expected = 2000 * 3 / 5 * per_class / np.repeat(counts, counts)
        np.testing.assert_allclose(times, expected, rtol=0.25)


def test_the_generator_decides_the_tasks():
    first, again, other = (drawn([6] * 8, seed=seed)[0] for seed in (0, 0, 1))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_measures_are_accuracy_and_cross_entropy():
    tasks = ImageTasks(numbered_images([5] * 5), 3, "stride")
    outputs = torch.randn(4, 6, 3, generator=torch.Generator().manual_seed(0))
    targets = outputs.argmax(dim=-1)
    targets[1, :2] = (targets[1, :2] + 1) % 3
    measured = tasks.measure(outputs, targets)
    assert list(measured) == ["accuracy", "cross_entropy"]
    torch.testing.assert_close(measured["accuracy"], torch.tensor([1.0, 4 / 6, 1.0, 1.0]))
    for task in range(4):
        torch.testing.assert_close(
            measured["cross_entropy"][task], functional.cross_entropy(outputs[task], targets[task])
        )


def test_a_config_names_the_data_and_the_network(tmp_path):
    make_omniglot(tmp_path / "omniglot")
    make_mini_imagenet(tmp_path / "mini_imagenet")
    network_config = NetworkConfig(hidden_sizes=(4, 3, 2))
    for dataset, shape, downsampling in [
        ("omniglot", (1, 28, 28), "stride"),
        ("mini_imagenet", (3, 84, 84), "max_pool"),
    ]:
        config = DataConfig(dataset=dataset, folder=str(tmp_path / dataset), ways=3, shots=1, queries=2)
        tasks = make_supervised_tasks(config, "train")
        network = tasks.make_network(network_config)
        assert (network.image_shape, network.downsampling, network.filters) == (shape, downsampling, (4, 3, 2))
        examples = tasks.sample(np.random.default_rng(0), 2, 1, 2)
        assert examples.query.observations.shape == (2, 6, *shape)
        params = network.init(torch.Generator().manual_seed(0))
        assert network(params, examples.query.observations).shape == (2, 6, 3)


def test_the_network_for_images_is_not_compiled(tmp_path):
    write_strokes(tmp_path, seed=0, alphabets=2, characters=8, images=2)
    small = ["--data.ways=2", "--data.queries=1", "--data.validation_tasks=1", "--network.hidden_sizes=[2]"]
    config = load_config("strokes", [f"--data.folder={tmp_path}", *small, "--compile=true"])
    with pytest.raises(UserError, match=r"compile: the network for strokes .*set it to false"):
        make_learner(config)


@pytest.mark.parametrize(
    ("config", "message"),
    [
        (
            NetworkConfig(hidden_sizes=(4,) * 7),
            "network.hidden_sizes: nothing is left of .*84 x 84.*7 blocks; take fewer",
        ),
        (NetworkConfig(hidden_sizes=(4,), activation="tanh"), "network.activation: .*relu only"),
        (NetworkConfig(images="dense", context_size=2), "network.context_size: the dense network .*set it to 0"),
    ],
)
def test_networks_that_do_not_fit_images(config, message):
    images = ImageSet(np.zeros((10, 3, 84, 84), np.uint8), np.array([5, 5]), ("a", "b"))
    with pytest.raises(UserError, match=message):
        ImageTasks(images, 2, "max_pool").make_network(config)


def test_tasks_that_need_more_images_than_a_class_has_are_refused():
    tasks = ImageTasks(numbered_images([5] * 4), 3, "stride")
    with pytest.raises(UserError, match="1 has 3 images, but a task needs 2 shots and 2 queries"):
        ImageTasks(numbered_images([5, 3, 4]), 3, "stride").sample(np.random.default_rng(0), 1, 2, 2)
    tasks.sample(np.random.default_rng(0), 1, 2, 3)
