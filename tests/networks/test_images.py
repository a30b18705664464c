"""Networks for images by name, and what they take from their data set, which comes back from plain values."""

import json

import pytest
import torch

from mamlrl.errors import UserError
from mamlrl.networks.categorical import Categorical
from mamlrl.networks.context_channels import ContextChannels
from mamlrl.networks.convolution import ConvolutionalNetwork
from mamlrl.networks.dense import DenseNetwork
from mamlrl.networks.images import IMAGE_NETWORKS, ImageInterface, NetworkConfig, register_image_network

CONFIG = NetworkConfig(hidden_sizes=(4, 3))
PLAIN = {"image_shape": [3, 21, 20], "ways": 7, "downsampling": "max_pool"}


@pytest.mark.parametrize("downsampling", ["stride", "max_pool"])
def test_a_network_for_images_comes_back(downsampling):
    interface = ImageInterface((3, 21, 20), 7, downsampling)
    network = interface.make_network(CONFIG)
    assert network == ConvolutionalNetwork((3, 21, 20), Categorical(7), (4, 3), downsampling)
    plain = json.loads(json.dumps(interface.plain))
    assert ImageInterface.restore(plain) == interface
    params = network.init(torch.Generator().manual_seed(0))
    images = torch.rand(5, 3, 21, 20)
    assert torch.equal(ImageInterface.restore(plain).make_network(CONFIG)(params, images), network(params, images))


def test_names_choose_the_network():
    interface = ImageInterface.restore(PLAIN)
    dense = interface.make_network(NetworkConfig(images="dense", hidden_sizes=(4, 3)))
    assert dense == DenseNetwork((3, 21, 20), Categorical(7), (4, 3))
    with_context = interface.make_network(NetworkConfig(hidden_sizes=(4, 3), context_size=2))
    assert isinstance(with_context, ContextChannels)
    assert with_context.network.image_shape == (5, 21, 20)
    assert with_context.shapes["context"] == (2, 21, 20)


@pytest.mark.parametrize(
    "change",
    [{"ways": 0}, {"image_shape": [1, 0, 3]}, {"downsampling": "pool"}, {"ways": "x"}, {"image_shape": 3}],
)
def test_a_damaged_description_is_refused(change):
    with pytest.raises((ValueError, TypeError)):
        ImageInterface.restore({**PLAIN, **change})


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"activation": "tanh"}, "network.activation: networks for images have relu only"),
        ({"images": "dense", "context_size": 1}, "network.context_size: the dense network is normalised"),
        ({"hidden_sizes": (4,) * 7}, "network.hidden_sizes: nothing is left of images of 21 x 20 pixels after 7"),
    ],
)
def test_settings_that_do_not_fit(settings, message):
    with pytest.raises(UserError, match=message):
        ImageInterface.restore(PLAIN).make_network(NetworkConfig(**settings))


def test_a_network_of_ones_own(monkeypatch):
    monkeypatch.setattr(IMAGE_NETWORKS, "_entries", dict(IMAGE_NETWORKS))

    def wide(shape, distribution, downsampling, config):
        return DenseNetwork(shape, distribution, tuple(2 * size for size in config.hidden_sizes))

    register_image_network("wide", wide)
    network = ImageInterface((1, 3, 3), 2, "stride").make_network(
        NetworkConfig(images="wide", hidden_sizes=(4, 3))
    )
    assert network == DenseNetwork((1, 3, 3), Categorical(2), (8, 6))
    given = ImageInterface((1, 3, 3), 2, "stride").make_network(NetworkConfig(images=network))
    assert given is network
    with pytest.raises(UserError, match="images must be one of convolutional, dense, wide, got wid; did"):
        ImageInterface((1, 3, 3), 2, "stride").make_network(NetworkConfig(images="wid"))
