"""Which distribution a policy has for which space of actions."""

from __future__ import annotations

from typing import Any

import gymnasium
import numpy as np
import torch
from gymnasium.spaces import Box, Discrete, MultiBinary, MultiDiscrete

from mamlrl.errors import UserError
from mamlrl.networks.bernoulli import Bernoulli
from mamlrl.networks.categorical import Categorical
from mamlrl.networks.distribution import Distribution
from mamlrl.networks.gaussian import DiagonalGaussian
from mamlrl.networks.multi_categorical import MultiCategorical


def action_distribution(space: gymnasium.Space[Any]) -> Distribution:
    """Returns the distribution of actions of a space, which is over flat arrays that begin at 0.

    Args:
        space: Space of one sub-environment's actions. A Box of A real numbers has a Gaussian, Discrete a
            categorical distribution, MultiDiscrete one for each of its numbers, and MultiBinary a Bernoulli one.

    Raises:
        UserError: If the space is another, or a Box of whole numbers.
    """
    size = int(np.prod(space.shape or ()))
    if isinstance(space, Box) and not np.issubdtype(space.dtype, np.floating):
        raise UserError(
            f"actions of {space} are whole numbers, which those of a Gaussian are not; give the environment a "
            "Discrete or MultiDiscrete action space (gymnasium.wrappers.TransformAction)"
        )
    if isinstance(space, Box) and size:
        return DiagonalGaussian(size)
    if isinstance(space, Discrete):
        return Categorical(int(space.n))
    if isinstance(space, MultiDiscrete) and size:
        return MultiCategorical(tuple(space.nvec.ravel().tolist()))
    if isinstance(space, MultiBinary) and size:
        return Bernoulli(size)
    raise UserError(
        f"the policy needs a Box, Discrete, MultiDiscrete or MultiBinary action space, not {space}; give the "
        "environment one of these (gymnasium.wrappers.TransformAction)"
    )


def same_actions(one: Distribution, other: Distribution) -> bool:
    """Returns whether two distributions are over the same actions."""
    return _actions(one) == _actions(other)


def _actions(distribution: Distribution) -> object:
    """What tells actions apart: the values of choices, or the shape and the type of one."""
    if isinstance(distribution, Categorical):
        return distribution.num_actions
    if isinstance(distribution, MultiCategorical):
        return distribution.sizes
    noise = distribution.noise((1,), torch.Generator().manual_seed(0), torch.float32)
    action = distribution.sample(torch.zeros(1, distribution.output_size), noise)
    return tuple(action.shape), action.is_floating_point()
