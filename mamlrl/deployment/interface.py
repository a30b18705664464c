"""What a policy needs to know of its environment to act without it: spaces, and the scaling of actions."""

from __future__ import annotations

import warnings
from dataclasses import dataclass, replace
from typing import Any, Self

import gymnasium
import numpy as np
from gymnasium.spaces import Box, Discrete, MultiBinary, MultiDiscrete
from gymnasium.spaces.utils import flatdim

from mamlrl.errors import UserError
from mamlrl.experiments.policy import PolicyExperiment
from mamlrl.runs.saved import SavedRun
from mamlrl.sampling.actions import ActionScaling
from mamlrl.sampling.build import make_task_env
from mamlrl.sampling.normalization import ObservationNormalizer
from mamlrl.sampling.spaces import plain_interface, restore_space
from mamlrl.settings.choices import named

KEY = "interface"  # of a learner's state
ActionSpace = Box | Discrete | MultiDiscrete | MultiBinary


@dataclass(frozen=True)
class Interface:
    """Spaces of a policy's environment, and the scaling of its actions.

    Attributes:
        plain: The same as plain values, see `plain_interface`.
        observation_space: Space of observations, a Box with one axis.
        action_space: Space of actions.
        scaling: From the policy's actions to the environment's; None where they are used as they are.
        normalizer: What the policy sees observations through; None where it sees them as they are.
    """

    plain: dict[str, Any]
    observation_space: Box
    action_space: ActionSpace
    scaling: ActionScaling | None
    normalizer: ObservationNormalizer | None = None

    @classmethod
    def of(cls, saved: SavedRun, experiment: PolicyExperiment) -> Self:
        """Returns the interface in a checkpoint; of an old one without it, that of the experiment's environment.

        Args:
            saved: The checkpoint.
            experiment: Its experiment.

        Raises:
            UserError: If it is damaged; or not there, and the environment cannot be made.
        """
        plain = saved.state.get(KEY)
        try:
            interface = cls.restore(_of_environment(saved, experiment) if plain is None else plain)
            if not experiment.sampling.normalize_observations:
                return interface
            size = interface.observation_space.shape[0]
            return replace(interface, normalizer=ObservationNormalizer.restore(saved.state, size))
        except (KeyError, TypeError, ValueError, AttributeError, AssertionError) as error:
            raise damaged_interface(saved, error) from error

    @classmethod
    def restore(cls, plain: dict[str, Any]) -> Self:
        """Returns what `plain_interface` described; raises what Python raises if it is damaged."""
        observation_space, action_space = (
            restore_space(plain[f"{name}_space"]) for name in ("observation", "action")
        )
        if not isinstance(observation_space, Box) or not isinstance(action_space, ActionSpace):
            raise ValueError(f"spaces {observation_space} and {action_space}")
        scaling = plain["action_scaling"]
        if scaling is not None:
            scaling = ActionScaling(np.array(scaling["scale"], float), np.array(scaling["centre"], float))
            fits = scaling.scale.shape == scaling.centre.shape == action_space.shape
            if not fits or not np.isfinite(scaling.centre).all() or not (scaling.scale > 0).all():
                raise ValueError("the scaling does not fit the actions")
        return cls(plain, observation_space, action_space, scaling)

    def check_fits(
        self, name: str, observation_space: gymnasium.Space[Any], action_space: gymnasium.Space[Any]
    ) -> None:
        """Checks that the policy can act in an environment.

        Args:
            name: Of the environment, for the message.
            observation_space: Of one environment; its bounds do not matter.
            action_space: Of one environment.

        Raises:
            UserError: If it cannot.
        """
        if not isinstance(observation_space, Box) or observation_space.shape != self.observation_space.shape:
            how = " (gymnasium.wrappers.FlattenObservation)" if self._flattens(observation_space) else ""
            raise UserError(
                f"environment {name} has observations {observation_space}, but the policy was trained on "
                f"{self.observation_space}; wrap it to return what the policy's own environment returned{how}"
            )
        if action_space != self.action_space:
            alike = isinstance(action_space, Box) and action_space.shape == self.action_space.shape
            how = " (gymnasium.wrappers.RescaleAction)" if alike else ""
            raise UserError(
                f"environment {name} has actions {action_space}, but the policy was trained on "
                f"{self.action_space}; wrap it to take those{how}"
            )

    def _flattens(self, observation_space: gymnasium.Space[Any]) -> bool:
        """Returns whether flat observations of a space have the size of the policy's."""
        try:
            return flatdim(observation_space) == self.observation_space.shape[0]
        except (ValueError, NotImplementedError):
            return False


def damaged_interface(saved: SavedRun, error: Exception) -> UserError:
    """Returns the error that a checkpoint's interface, of a policy or a network, cannot be read."""
    return UserError(
        f"{saved.path} is a damaged checkpoint: its interface cannot be read ({type(error).__name__}: "
        f"{error}); use another copy, or train again"
    )


def _of_environment(saved: SavedRun, experiment: PolicyExperiment) -> dict[str, Any]:
    """Makes the environment of a checkpoint that was written before checkpoints held spaces."""
    name = named(experiment.env.id)
    try:
        env = make_task_env(experiment.env, 1)
    except UserError as error:
        raise UserError(
            f"{saved.path} is of an earlier version, which did not keep the spaces of the policy, and its "
            f"environment cannot be made ({error}); load it once where {name} is installed, and save it again"
        ) from error
    warnings.warn(
        f"{saved.path} is of an earlier version, which did not keep the spaces of the policy: they are taken from "
        f"its environment {name}; save the policy again to do without",
        stacklevel=4,
    )
    try:
        return plain_interface(env, experiment.sampling)
    finally:
        env.close()
