"""What a network takes from its data set comes back from plain values."""

import json

import pytest
import torch

from mamlrl.networks.build import NetworkConfig, make_mlp
from mamlrl.networks.categorical import Categorical
from mamlrl.networks.convolution import ConvolutionalNetwork
from mamlrl.networks.gaussian import IsotropicGaussian
from mamlrl.supervised.interface import network_interface, restore_network

CONFIG = NetworkConfig(hidden_sizes=(4, 3))


@pytest.mark.parametrize("downsampling", ["stride", "max_pool"])
def test_a_network_for_images_comes_back(downsampling):
    network = ConvolutionalNetwork((3, 21, 20), Categorical(7), (4, 3), downsampling)
    plain = json.loads(json.dumps(network_interface(network)))
    assert restore_network(plain, CONFIG) == network
    params = network.init(torch.Generator().manual_seed(0))
    images = torch.rand(5, 3, 21, 20)
    assert torch.equal(restore_network(plain, CONFIG)(params, images), network(params, images))


def test_others_take_nothing_from_it():
    assert network_interface(make_mlp(1, IsotropicGaussian(1), CONFIG)) == {}


@pytest.mark.parametrize(
    "change", [{"ways": 0}, {"image_shape": [1, 0, 3]}, {"downsampling": "pool"}, {"ways": "x"}]
)
def test_a_damaged_description_is_refused(change):
    network = ConvolutionalNetwork((1, 8, 8), Categorical(2), (4, 3), "stride")
    with pytest.raises((ValueError, TypeError)):
        restore_network({**network_interface(network), **change}, CONFIG)
