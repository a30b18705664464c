"""From an observation to an action of the environment, in one module that acts here and is exported."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from gymnasium.spaces import Box, Discrete
from numpy.typing import NDArray
from torch import Tensor, nn

from mamlrl.deployment.arrays import are_finite, as_numbers
from mamlrl.deployment.interface import Interface
from mamlrl.errors import LearningError, UserError
from mamlrl.networks.context import ContextPolicy
from mamlrl.networks.mlp import MlpPolicy
from mamlrl.networks.network import Network
from mamlrl.sampling.actions import first_action
from mamlrl.sampling.normalization import ObservationNormalizer


class Acting(nn.Module):
    """A policy at fixed parameters: observation and noise to an action in the environment's own range.

    Args:
        network: The policy.
        params: Its parameters, shape (P,).
        interface: Spaces of its environment, and the scaling of its actions.

    Attributes:
        network: The policy.
        params: Its parameters, shape (P,).
        interface: Spaces of its environment, and the scaling of its actions.
        noise_shape: Shape of the noise of one action; zeros stand for the most likely action.
    """

    params: Tensor
    scale: Tensor
    centre: Tensor
    first: Tensor
    low: Tensor
    high: Tensor

    def __init__(self, network: Network, params: Tensor, interface: Interface) -> None:
        super().__init__()
        self.network, self.interface = network, interface
        self.noise_shape = tuple(network.distribution.noise((), torch.Generator(), torch.float32).shape)
        space, scaling = interface.action_space, interface.scaling
        self._continuous, self._shape = isinstance(space, Box), tuple(space.shape or ())
        self._flat_axes = 0 if isinstance(space, Discrete) else 1
        normalizer = interface.normalizer or ObservationNormalizer.empty(interface.observation_space.shape[0])
        self._normalize = normalizer.bind(params)
        self.register_buffer("params", params)
        if not isinstance(space, Box):
            first = first_action(space)
            self.register_buffer(
                "first", torch.from_numpy(np.zeros(self._shape, np.int64) if first is None else first)
            )
        else:
            neutral = np.ones(space.shape), np.zeros(space.shape)
            scale, centre = neutral if scaling is None else (scaling.scale, scaling.centre)
            buffers = {"scale": scale, "centre": centre, "low": space.low, "high": space.high}
            for name, values in buffers.items():
                self.register_buffer(name, torch.from_numpy(values).double())

    def forward(self, observation: Tensor, noise: Tensor) -> Tensor:
        """Chooses actions.

        Args:
            observation: Shape (..., D), float32.
            noise: Shape (..., *noise_shape), float32: of continuous actions, standard normal numbers; of discrete
                ones, numbers from the standard Gumbel distribution, and of switches (MultiBinary), from the
                standard logistic distribution; zeros for the most likely action.

        Returns:
            Actions in the environment's range, shape (..., *action_space.shape), float64; discrete ones int64.
        """
        outputs = self.outputs(observation)
        return self.to_env(self.network.distribution.sample(outputs, noise.to(outputs.dtype)))

    def outputs(self, observation: Tensor) -> Tensor:
        """Evaluates the policy, of observations of shape (..., D), see `precise_outputs`."""
        return precise_outputs(self.network, self.params, self._normalize(observation))

    def to_env(self, actions: Tensor) -> Tensor:
        """Turns the policy's actions into the environment's, clipped to its range.

        Args:
            actions: Shape (..., A); of single choices, (...).

        Returns:
            Shape (..., *action_space.shape), float64; discrete ones int64.
        """
        shaped = actions.reshape((*actions.shape[: actions.dim() - self._flat_axes], *self._shape))
        if not self._continuous:
            return shaped + self.first
        return torch.clamp(shaped.double() * self.scale + self.centre, self.low, self.high)

    def to_policy(self, actions: Tensor) -> Tensor:
        """The inverse of `to_env` for actions that were not clipped."""
        if self._continuous:
            own = ((actions.double() - self.centre) / self.scale).to(self.params)
        else:
            own = actions - self.first
        leading = own.shape[: own.dim() - len(self._shape)]
        return own.reshape((*leading, -1)) if self._flat_axes else own

    def noise(self, shape: tuple[int, ...], generator: torch.Generator | None) -> Tensor:
        """Draws the noise of actions with some leading axes; zeros without a generator."""
        if generator is None:
            return torch.zeros(*shape, *self.noise_shape)
        return self.network.distribution.noise(shape, generator, torch.float32)

    def observations(self, values: Any) -> Tensor:
        """Returns observations as a tensor, shape (..., D), float32.

        Raises:
            UserError: If they are no such numbers, or not finite.
        """
        size = self.interface.observation_space.shape[0]
        expected = f"(..., {size})"
        array = as_numbers("observation:", values, expected)
        if array.shape[-1:] != (size,):
            raise UserError(f"observation: must be numbers of shape {expected}, got shape {array.shape}")
        if not are_finite(array).all():
            raise UserError("observation: has numbers that are not finite")
        return torch.from_numpy(array.astype(np.float32))

    def as_space(self, actions: Tensor) -> NDArray[Any]:
        """Returns actions of the environment with the type of its action space.

        Raises:
            LearningError: If one is not finite.
        """
        array: NDArray[Any] = actions.numpy()
        if self._continuous and not np.isfinite(array).all():
            raise LearningError("an action of the policy is not finite")
        return array.astype(self.interface.action_space.dtype)


def precise_outputs(network: Network, params: Tensor, inputs: Tensor) -> Tensor:
    """Evaluates a network, an MLP in double precision: in single, runtimes differ by some 1e-6 of an action.

    Args:
        network: The network.
        params: Shape (P,).
        inputs: Shape (..., D).
    """
    is_mlp = type(network) in (MlpPolicy, ContextPolicy)  # others may hold numbers in single precision
    return network(params.double(), inputs.double()) if is_mlp else network(params, inputs)


class SinglePrecision(nn.Module):
    """The same with actions in single precision, and the most likely ones without noise: what is exported.

    Args:
        acting: The policy.
    """

    def __init__(self, acting: Acting) -> None:
        super().__init__()
        self.acting = acting

    def forward(self, observation: Tensor, noise: Tensor | None = None) -> Tensor:
        """Chooses actions; see `Acting.forward`."""
        if noise is None:
            noise = observation.new_zeros(observation.shape[0], *self.acting.noise_shape)
        return single_precision(self.acting(observation, noise))


def single_precision(actions: Tensor) -> Tensor:
    """Returns actions in single precision; discrete ones stay whole numbers."""
    return actions.float() if actions.is_floating_point() else actions
