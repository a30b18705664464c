"""Recording episodes while a policy acts, wherever it does: what adaptation needs of them."""

from __future__ import annotations

from math import isfinite
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from mamlrl.deployment.acting import Acting, single_precision
from mamlrl.deployment.episodes import Episode
from mamlrl.errors import UserError


class _Step(NamedTuple):
    observation: Tensor
    policy_action: Tensor
    action: Any
    log_prob: Tensor


class Recorder:
    """Acts with random actions of a policy, and records the episodes to adapt it on.

    `AdaptivePolicy.recorder` makes it. Ask it for every action, carry the action out, and tell it the reward.

    Args:
        acting: The policy.
        generator: Draws the actions.

    Attributes:
        episodes: The episodes that have ended.

    Example:
        >>> import gymnasium, mamlrl
        >>> policy = mamlrl.load("navigation2d")  # doctest: +SKIP
        >>> recorder = policy.recorder(seed=0)  # doctest: +SKIP
        >>> observation, ended = robot.reset(), False  # doctest: +SKIP
        >>> while not ended:  # doctest: +SKIP
        ...     observation, reward, ended = robot.step(recorder.act(observation))
        ...     recorder.reward(reward, terminated=ended)
        >>> adapted = policy.adapt(recorder.episodes)  # doctest: +SKIP
    """

    def __init__(self, acting: Acting, generator: torch.Generator) -> None:
        self.episodes: list[Episode] = []
        self._acting = acting
        self._generator = generator
        self._steps: list[_Step] = []
        self._rewards: list[float] = []

    def act(self, observation: Any) -> Any:
        """Draws an action.

        Args:
            observation: Of one environment, shape (D,).

        Returns:
            The action, in the range and of the type of the action space.

        Raises:
            UserError: If the observation is no such thing, or the reward of the last action is missing.
        """
        if len(self._rewards) < len(self._steps):
            raise UserError("recorder: act was called again before reward; tell it the reward of each action")
        tensor = self._acting.observations(observation)
        if tensor.dim() != 1:
            raise UserError(f"recorder: records one environment, got observations of shape {tuple(tensor.shape)}")
        network = self._acting.network
        with torch.inference_mode():
            outputs = self._acting.outputs(tensor)
            noise = self._acting.noise((), self._generator).to(outputs.dtype)
            chosen = single_precision(network.distribution.sample(outputs, noise))
            log_prob = network.distribution.log_prob(outputs, chosen)
            action = self._acting.as_space(self._acting.to_env(chosen))[()]
        self._steps.append(_Step(tensor, chosen, action, log_prob))
        return action

    def reward(
        self, reward: float, terminated: bool = False, truncated: bool = False, last_observation: Any = None
    ) -> None:
        """Takes the reward of the last action, and whether the episode has ended with it.

        Args:
            reward: The reward.
            terminated: Whether the task's own end was reached.
            truncated: Whether the episode was cut off, such as by a limit of time.
            last_observation: What was observed after an episode that was cut off; only policies trained with
                `advantages.bootstrap_at_time_limits` need it.

        Raises:
            UserError: If there was no action, the reward is not a finite number, or an end is neither true nor
                false; the reward can be told again.
        """
        if len(self._rewards) == len(self._steps):
            raise UserError("recorder: reward was called without an action before it; call act first")
        if not _is_finite(reward):
            raise UserError(f"recorder: a reward must be a finite number, got {reward}")
        for name, end in (("terminated", terminated), ("truncated", truncated)):
            if not isinstance(end, bool | np.bool_):
                raise UserError(f"recorder: {name} must be true or false, got {end}")
        last = None if last_observation is None else self._acting.observations([last_observation])[0].numpy()
        self._rewards.append(float(reward))
        if terminated or truncated:
            self._end(bool(terminated), bool(truncated), last)

    def _end(self, terminated: bool, truncated: bool, last_observation: Any) -> None:
        observations, policy_actions, actions, log_probs = zip(*self._steps, strict=True)
        episode = Episode(
            observations=torch.stack(observations).numpy(),
            actions=np.stack(actions),
            rewards=np.array(self._rewards),
            terminated=terminated,
            truncated=truncated,
            policy_actions=torch.stack(policy_actions).numpy(),
            log_probs=torch.stack(log_probs).numpy(),
            last_observation=last_observation,
        )
        self.episodes.append(episode)
        self._steps, self._rewards = [], []


def _is_finite(reward: Any) -> bool:
    try:
        return isfinite(reward)
    except (TypeError, ValueError, OverflowError):  # no number, several, or one that is too large
        return False
