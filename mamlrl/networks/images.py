"""Networks for few-shot classification of images by name, from settings."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self, get_args

from mamlrl.errors import UserError
from mamlrl.networks.categorical import Categorical
from mamlrl.networks.context_channels import ContextChannels
from mamlrl.networks.convolution import ConvolutionalNetwork, Downsampling
from mamlrl.networks.dense import DenseNetwork
from mamlrl.networks.layers import LayersConfig
from mamlrl.networks.network import Network
from mamlrl.settings.choices import Registry

Shape = tuple[int, int, int]
# (channels, height and width; classes of a task; how to halve height and width; settings) -> network
ImageNetworkMaker = Callable[[Shape, Categorical, Downsampling, "NetworkConfig"], Network]
IMAGE_NETWORKS: Registry[ImageNetworkMaker] = Registry("network for images", contract=(Network,))

if not TYPE_CHECKING:  # the parser reads what the type checker does not
    ImageNetworkName = IMAGE_NETWORKS.name_type("ImageNetworkName")
else:
    ImageNetworkName = str | Network | ImageNetworkMaker


@dataclass(frozen=True)
class NetworkConfig(LayersConfig):
    """The network.

    Attributes:
        images: Kind of network for images; for other data, an MLP is the only one.
    """

    images: ImageNetworkName = "convolutional"


@dataclass(frozen=True)
class ImageInterface:
    """What a network for images takes from its data set rather than from its settings.

    Attributes:
        image_shape: Channels, height and width of the images.
        ways: Number of classes in a task.
        downsampling: How convolutions halve height and width, see `ConvolutionalNetwork`.
    """

    image_shape: Shape
    ways: int
    downsampling: Downsampling

    @classmethod
    def restore(cls, plain: dict[str, Any]) -> Self:
        """Reads what `plain` returned.

        Raises:
            KeyError, TypeError, ValueError: If it is damaged.
        """
        channels, height, width = map(int, plain["image_shape"])
        downsampling, ways = plain["downsampling"], int(plain["ways"])
        if downsampling not in get_args(Downsampling) or min(channels, height, width, ways) < 1:
            raise ValueError(f"got {plain}")
        return cls((channels, height, width), ways, downsampling)

    @property
    def plain(self) -> dict[str, Any]:
        """The same as plain values, for checkpoints to hold."""
        shape = list(self.image_shape)
        return {"image_shape": shape, "ways": self.ways, "downsampling": self.downsampling}

    def make_network(self, config: NetworkConfig) -> Network:
        """Builds the network that a config names, with its context, if any.

        Raises:
            UserError: If the images are too small for it, or the config has options of MLPs.
        """
        if config.activation != "relu":
            raise UserError("network.activation: networks for images have relu only")
        channels, height, width = self.image_shape
        wide = channels + config.context_size, height, width
        make = IMAGE_NETWORKS.choose("network.images:", config.images)
        network = make(wide, Categorical(self.ways), self.downsampling, config)
        if not config.context_size:
            return network
        if isinstance(network, DenseNetwork):
            raise UserError(
                "network.context_size: the dense network is normalised by the batch, which removes what all images"
                " have in common; set it to 0, or network.images to convolutional"
            )
        return ContextChannels(network, (config.context_size, height, width))


def register_image_network(name: str, network: Network | ImageNetworkMaker) -> None:
    """Makes a network for images usable by name, as `network.images`.

    Args:
        name: The name, without a colon.
        network: The network, or what makes it from the shape of the images, a distribution of classes, the data
            set's way to halve height and width, and the settings `network`.

    Raises:
        ValueError: If the name is taken, or the network is something else.
    """
    IMAGE_NETWORKS.register(name, network)


def _convolutional(
    shape: Shape, distribution: Categorical, downsampling: Downsampling, config: NetworkConfig
) -> Network:
    network = ConvolutionalNetwork(shape, distribution, tuple(config.hidden_sizes), downsampling)
    if not network.num_features:
        raise UserError(
            f"network.hidden_sizes: nothing is left of images of {shape[1]} x {shape[2]} pixels after "
            f"{len(network.filters)} blocks; take fewer"
        )
    return network


def _dense(shape: Shape, distribution: Categorical, downsampling: Downsampling, config: NetworkConfig) -> Network:
    return DenseNetwork(shape, distribution, tuple(config.hidden_sizes))


register_image_network("convolutional", _convolutional)
register_image_network("dense", _dense)
