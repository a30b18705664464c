"""Loading what was meta-trained, without its environment or data."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from mamlrl.deployment.adaptive import adapted_so_far
from mamlrl.deployment.interface import KEY, Interface, damaged_interface
from mamlrl.deployment.network import AdaptiveNetwork
from mamlrl.deployment.policy import AdaptivePolicy
from mamlrl.errors import UserError
from mamlrl.experiments.imports import import_allowed
from mamlrl.experiments.policy import PolicyExperiment
from mamlrl.experiments.supervised import SupervisedExperiment
from mamlrl.files import AnyPath
from mamlrl.networks.build import make_policy
from mamlrl.networks.context import ContextPolicy
from mamlrl.networks.images import ImageInterface
from mamlrl.networks.mlp import MlpPolicy
from mamlrl.networks.network import Network
from mamlrl.runs.saved import SavedRun
from mamlrl.supervised.build import make_supervised_tasks


def load(
    where: AnyPath, allow_import: str | Sequence[str] = (), objects: Mapping[str, Any] | None = None
) -> AdaptivePolicy | Any:
    """Loads a meta-trained policy, or network, to adapt it, act with it, and export it.

    Neither its environment nor its data set is needed. Checkpoints of earlier versions do not hold the spaces of
    the policy: their environment is made, with a warning.

    Args:
        where: A run folder, whose latest checkpoint is taken; a checkpoint; a file that `save` wrote; or the name
            of a published policy.
        allow_import: Modules that the checkpoint may name to import, such as `my_rules`; what a file holds does
            not decide alone which code runs.
        objects: Objects that the experiment had in place of names, see `load_checkpoint`.

    Returns:
        An `AdaptivePolicy`; of a supervised experiment, an `AdaptiveNetwork`.

    Raises:
        UserError: If there is no such checkpoint, it is damaged or of a newer version, or its policy cannot be
            made.

    Example:
        >>> import mamlrl
        >>> mamlrl.load("half_cheetah_direction").action_space.shape  # doctest: +SKIP
        (6,)
    """
    import_allowed(allow_import)
    saved = SavedRun.load(where, objects)
    experiment = saved.experiment
    if isinstance(experiment, PolicyExperiment):
        interface = Interface.of(saved, experiment)
        policy = make_policy(interface.observation_space, interface.action_space, experiment.policy)
        saved = _with_interface(saved, interface.plain)
        return AdaptivePolicy(saved, policy, **adapted_so_far(saved, policy), interface=interface)
    if isinstance(experiment, SupervisedExperiment):
        images, network = _supervised_network(saved, experiment)
        saved = _with_interface(saved, images.plain) if images else saved
        size = images.image_shape if images else _input_shape(network)
        return AdaptiveNetwork(saved, network, **adapted_so_far(saved, network), input_shape=size)
    raise UserError(f"{saved.path}: experiments of kind {experiment.kind} have nothing that adapts and acts")


def _with_interface(saved: SavedRun, interface: dict[str, Any]) -> SavedRun:
    return replace(saved, state={**saved.state, KEY: interface})


def _supervised_network(
    saved: SavedRun, experiment: SupervisedExperiment
) -> tuple[ImageInterface | None, Network]:
    """The network of a checkpoint, and what it takes from its images, if it is for images.

    Where the checkpoint does not say this, they are read.
    """
    interface = saved.state.get(KEY)
    if interface is not None:
        try:
            images = ImageInterface.restore(interface)
        except (KeyError, TypeError, ValueError) as error:
            raise damaged_interface(saved, error) from error
        return images, images.make_network(experiment.network)
    earlier = f"{saved.path} is of an earlier version, which did not keep the size of its images"
    try:
        tasks = make_supervised_tasks(experiment.data, "train")
        network = tasks.make_network(experiment.network)
    except UserError as error:
        raise UserError(f"{earlier}: load it once where its data are, and save it again ({error})") from error
    if tasks.interface:
        warnings.warn(f"{earlier}: its data are read for it; save it again to do without", stacklevel=3)
    return tasks.interface, network


def _input_shape(network: Network) -> tuple[int, ...]:
    if isinstance(network, ContextPolicy):
        network = network.without
    if isinstance(network, MlpPolicy):
        return (network.observation_size,)
    raise UserError(f"network: the shape of the inputs of a {type(network).__name__} is not known")
