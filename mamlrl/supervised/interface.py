"""What a network needs to be made again without its data, as plain values for checkpoints to hold."""

from __future__ import annotations

from typing import Any

from mamlrl.networks.build import NetworkConfig
from mamlrl.networks.categorical import Categorical
from mamlrl.networks.convolution import ConvolutionalNetwork
from mamlrl.networks.network import Network


def network_interface(network: Network) -> dict[str, Any]:
    """Describes what a network takes from its data set rather than from its settings.

    Returns:
        Of the network for images, `image_shape`, `ways` and `downsampling`; of others, nothing.
    """
    if not isinstance(network, ConvolutionalNetwork):
        return {}
    return {
        "image_shape": list(network.image_shape),
        "ways": network.distribution.output_size,
        "downsampling": network.downsampling,
    }


def restore_network(interface: dict[str, Any], config: NetworkConfig) -> ConvolutionalNetwork:
    """Makes the network for images that `network_interface` described.

    Args:
        interface: What the function returned.
        config: The network's settings.

    Raises:
        KeyError, TypeError, ValueError: If the description is damaged.
    """
    channels, height, width = map(int, interface["image_shape"])
    filters, downsampling, ways = tuple(config.hidden_sizes), interface["downsampling"], int(interface["ways"])
    if downsampling not in ("stride", "max_pool") or min(channels, height, width, ways) < 1:
        raise ValueError(f"got {interface}")
    return ConvolutionalNetwork((channels, height, width), Categorical(ways), filters, downsampling)
