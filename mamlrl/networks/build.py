"""Policies and other networks by name, from settings."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import gymnasium
from gymnasium.spaces import Box
from torch import nn

from mamlrl.errors import UserError
from mamlrl.networks.action_spaces import action_distribution, same_actions
from mamlrl.networks.checks import check_policy
from mamlrl.networks.context import ContextPolicy
from mamlrl.networks.distribution import Distribution
from mamlrl.networks.layers import LayersConfig
from mamlrl.networks.mlp import MlpPolicy
from mamlrl.networks.module import ModulePolicy, seeded
from mamlrl.networks.network import Network
from mamlrl.settings.choices import Registry, named
from mamlrl.settings.numbers import PositiveFinite

# (number of observation features, distribution of the actions, settings) -> policy
PolicyMaker = Callable[[int, Distribution, "PolicyConfig"], Network | nn.Module]
ARCHITECTURES: Registry[PolicyMaker] = Registry("architecture", contract=(Network, nn.Module))

if not TYPE_CHECKING:  # the parser reads what the type checker does not
    ArchitectureName = ARCHITECTURES.name_type("ArchitectureName")
else:
    ArchitectureName = str | Network | nn.Module | PolicyMaker


@dataclass(frozen=True)
class PolicyConfig(LayersConfig):
    """The policy network.

    Attributes:
        architecture: Kind of network.
        initial_std: Initial standard deviation of Gaussian actions, in units of the policy's output.
        min_std: Floor under the standard deviation of Gaussian actions.
    """

    architecture: ArchitectureName = "mlp"
    initial_std: PositiveFinite = 1.0
    min_std: PositiveFinite = 1e-6


def _mlp_policy(observation_size: int, distribution: Distribution, config: PolicyConfig) -> Network:
    return make_mlp(observation_size, distribution, config, initial_std=config.initial_std, min_std=config.min_std)


def register_policy(name: str, policy: Network | nn.Module | PolicyMaker) -> None:
    """Makes a policy usable by name, as `policy.architecture`.

    Args:
        name: The name, without a colon.
        policy: The policy; a module of PyTorch, see `ModulePolicy`; or what makes either from the number of
            observation features, the distribution of the actions, and the settings `policy`. Every run begins at
            the parameters of a module that is given; those of one that is made are drawn by the run's seed.

    Raises:
        ValueError: If the name is taken, or the policy is something else.
    """
    ARCHITECTURES.register(name, policy)


register_policy("mlp", _mlp_policy)


def make_policy(
    observation_space: gymnasium.Space[Any], action_space: gymnasium.Space[Any], config: PolicyConfig
) -> Network:
    """Builds the policy that a config names, to fit an environment's spaces.

    Args:
        observation_space: Space of one sub-environment's observations; a Box with one axis.
        action_space: Space of one sub-environment's actions, see `action_distribution`.
        config: Architecture, size and initialisation.

    Raises:
        UserError: If the policy cannot serve the spaces.
    """
    if (
        not isinstance(observation_space, Box)
        or len(observation_space.shape) != 1
        or not observation_space.shape[0]
    ):
        raise UserError(
            f"the policy needs observations that are vectors (a Box with one axis), not {observation_space}; "
            "give the environment an observation space that is flat (gymnasium.spaces.flatten_space)"
        )
    return _build(observation_space.shape[0], action_distribution(action_space), config)


def _build(observation_size: int, distribution: Distribution, config: PolicyConfig) -> Network:
    build = ARCHITECTURES.choose("policy.architecture:", config.architecture)
    make: Callable[[], Any] = partial(build, observation_size, distribution, config)
    with seeded(0):  # what is not learned must be the same in every process
        made: Network | nn.Module = make()
        given = isinstance(made, nn.Module) and make() is made
    if isinstance(made, nn.Module):
        std = config.initial_std, config.min_std
        return ModulePolicy(made, observation_size, distribution, *std, None if given else make)
    if not isinstance(made, MlpPolicy | ContextPolicy):
        check_policy(made, observation_size)
    if not same_actions(made.distribution, distribution):
        raise UserError(
            f"policy.architecture: {named(config.architecture)} has the distribution {made.distribution}, which "
            f"does not fit the actions; {distribution} does"
        )
    return made


def make_mlp(observation_size: int, distribution: Distribution, config: LayersConfig, **std: float) -> Network:
    """Builds the MLP that a config asks for, with its context, if any.

    Args:
        observation_size: Number of observation features.
        distribution: Distribution that the outputs parametrise.
        config: Sizes of its layers and of its context.
        **std: `initial_std` and `min_std`, see `MlpLayout`.
    """
    mlp = MlpPolicy(observation_size, distribution, tuple(config.hidden_sizes), config.activation, **std)
    return ContextPolicy(mlp, config.context_size) if config.context_size else mlp
