"""Heads of networks are found by their shapes, and take one another's place while the body stays."""

import pytest
import torch

from mamlrl.errors import UserError
from mamlrl.networks.categorical import Categorical
from mamlrl.networks.convolution import ConvolutionalNetwork
from mamlrl.networks.heads import TwoHeads
from mamlrl.networks.images import ImageInterface, NetworkConfig

INTERFACE = ImageInterface((1, 28, 28), 3, "stride")
NETWORKS = {
    "convolutional": {"hidden_sizes": (4, 2)},
    "dense": {"images": "dense", "hidden_sizes": (5, 4)},
    "context": {"hidden_sizes": (4, 2), "context_size": 1},
}


@pytest.fixture(params=NETWORKS)
def config(request):
    return NetworkConfig(**NETWORKS[request.param])


def drawn(network, seed):
    return network.init(torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("num_classes", [2, 3, 4, 11])  # fewer than a task has, as many, and more
def test_heads_take_one_another_s_place_and_the_body_stays(config, num_classes):
    heads = TwoHeads.of(INTERFACE, config, num_classes)
    assert heads.head == {"layer2.weight", "layer2.bias"}
    assert (heads.few.distribution, heads.many.distribution) == (Categorical(3), Categorical(num_classes))
    few, many = drawn(heads.few, 0), drawn(heads.many, 1)
    joined = heads.many.unflatten(heads.for_many(few, heads.head_of(many)))
    split = heads.few.unflatten(heads.for_few(many, few))
    without = heads.few.unflatten(heads.without_head(few))
    bodies, heads_of_many = heads.few.unflatten(few), heads.many.unflatten(many)
    assert list(joined) == list(heads.many.shapes)
    for name in heads.head:
        assert torch.equal(joined[name], heads_of_many[name])
        assert torch.equal(split[name], bodies[name])
        assert not without[name].any()
    for name in set(heads.few.shapes) - heads.head:
        assert torch.equal(joined[name], bodies[name])
        assert torch.equal(split[name], heads_of_many[name])
        assert torch.equal(without[name], bodies[name])


def test_the_features_of_a_class_are_the_same_in_both_networks():
    heads = TwoHeads.of(INTERFACE, NetworkConfig(**NETWORKS["convolutional"]), 3)
    params, images = drawn(heads.few, 0), torch.rand(6, 1, 28, 28)
    few = heads.few.unflatten(params)
    head = torch.cat([few[name].flatten() for name in heads.many.shapes if name in heads.head])
    assert torch.equal(heads.many(heads.for_many(params, head), images), heads.few(params, images))


def of_other_widths(shape, distribution, downsampling, config):
    return ConvolutionalNetwork(shape, distribution, (distribution.num_actions, 4), downsampling)


def with_a_third_block(shape, distribution, downsampling, config):
    filters = (4, 4, 4)[: 2 + (distribution.num_actions > 5)]
    return ConvolutionalNetwork(shape, distribution, filters, downsampling)


@pytest.mark.parametrize(
    ("images", "hidden_sizes", "found"),
    [
        (ConvolutionalNetwork((1, 28, 28), Categorical(3), (4,)), (4,), "has no head"),
        ("dense", (), "has nothing but its head"),
        (with_a_third_block, (4,), "has no fixed body"),
    ],
)
def test_networks_without_a_head_or_without_a_body_are_refused(images, hidden_sizes, found):
    with pytest.raises(UserError, match=f"^network.images: .*{found}: a classifier of all classes needs tensors"):
        TwoHeads.of(INTERFACE, NetworkConfig(images=images, hidden_sizes=hidden_sizes), 11)


def test_what_grows_with_the_classes_is_the_head():
    heads = TwoHeads.of(INTERFACE, NetworkConfig(images=of_other_widths, hidden_sizes=(4,)), 11)
    assert {"layer0.weight", "layer1.weight", "layer2.weight"} <= heads.head
    assert "layer1.bias" not in heads.head
