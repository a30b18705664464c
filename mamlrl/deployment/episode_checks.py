"""Recorded episodes, checked one by one."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np
import torch
from gymnasium.spaces import Box, Discrete
from numpy.typing import NDArray
from torch import Tensor

from mamlrl.deployment.acting import Acting
from mamlrl.deployment.arrays import are_finite, as_numbers
from mamlrl.deployment.episodes import Episode
from mamlrl.errors import UserError

ROUNDING = 1e-5  # of an action, relative to the bounds of the space


@dataclass(frozen=True)
class EpisodeTensors:
    """One episode of T steps.

    Attributes:
        observations: Shape (T, D), float32.
        actions: The policy's actions, flat, before scaling and clipping, shape (T, A) or (T,).
        rewards: Shape (T,), float64.
        log_probs: Log-probability of each action when it was drawn, shape (T,); None if it was not recorded.
        terminated: Whether the task's own end was reached.
        last_observation: After the last action, shape (D,); None if it was not recorded, and the end was not the
            task's own.
    """

    observations: Tensor
    actions: Tensor
    rewards: Tensor
    log_probs: Tensor | None
    terminated: bool
    last_observation: Tensor | None


class EpisodeCheck:
    """Checks one episode; errors name it by its index."""

    def __init__(self, index: int, episode: Episode, acting: Acting) -> None:
        self._index = index
        self._episode = episode
        self._acting = acting
        self._rewards = self._numbers("rewards", episode.rewards, ())
        if not len(self._rewards):
            raise self._error("is empty; leave it out")

    def tensors(self) -> EpisodeTensors:
        """Returns the episode as tensors.

        Raises:
            UserError: If it cannot be used.
        """
        episode, interface = self._episode, self._acting.interface
        observations = self._numbers("observations", episode.observations, interface.observation_space.shape)
        actions = self._numbers("actions", episode.actions, interface.action_space.shape or ())
        self._check_end("terminated")
        self._check_end("truncated")
        log_probs = None if episode.log_probs is None else self._numbers("log_probs", episode.log_probs, ())
        return EpisodeTensors(
            observations=torch.from_numpy(observations.astype(np.float32)),
            actions=self._continuous(actions)
            if isinstance(interface.action_space, Box)
            else self._discrete(actions),
            rewards=torch.from_numpy(self._rewards),
            log_probs=None if log_probs is None else torch.from_numpy(log_probs),
            terminated=bool(np.ravel(episode.terminated)[-1]),
            last_observation=self._last_observation(),
        )

    def _last_observation(self) -> Tensor | None:
        """The observation after the last action; zeros if nobody will ask for it."""
        space = self._acting.interface.observation_space
        given = self._episode.last_observation
        if given is None:
            return torch.zeros(space.shape) if np.ravel(self._episode.terminated)[-1] else None
        try:
            (observation,) = self._acting.observations([given])
        except UserError as error:
            raise self._error(f"last_observation: {str(error).partition(': ')[2]}") from error
        return observation

    def _continuous(self, actions: NDArray[np.float64]) -> Tensor:
        """The policy's actions, from the environment's if they were not recorded."""
        space: Any = self._acting.interface.action_space
        low, high = space.low.astype(np.float64), space.high.astype(np.float64)
        bounds = np.where(np.isfinite([low, high]), np.abs([low, high]), 0).max(axis=0)
        rounding = ROUNDING * np.maximum(bounds, 1e-3)
        if (outside := (actions < low - rounding) | (actions > high + rounding)).any():
            raise self._error_at(
                outside,
                actions,
                f"lies outside the action space {space}; record the actions that were carried out",
            )
        if self._episode.policy_actions is None:
            if (bound := (actions <= low + rounding) | (actions >= high - rounding)).any():
                raise self._error_at(
                    bound,
                    actions,
                    "lies on a bound of the action space, where it may have been clipped; record the policy's own "
                    "actions, too, as policy_actions (policy.recorder() does)",
                )
            return self._acting.to_policy(torch.from_numpy(actions))
        size = (prod(space.shape),)
        own = self._numbers("policy_actions", self._episode.policy_actions, size).astype(np.float32)
        rounding = rounding + ROUNDING * np.abs(actions)
        if (other := np.abs(self._acting.to_env(torch.from_numpy(own)).numpy() - actions) > rounding).any():
            raise self._error_at(
                other, actions, "is not that of policy_actions, scaled and clipped to the action space"
            )
        return torch.from_numpy(own)

    def _discrete(self, actions: NDArray[np.float64]) -> Tensor:
        space: Any = self._acting.interface.action_space
        first = self._acting.first.numpy()
        count = space.n if isinstance(space, Discrete) else getattr(space, "nvec", 2)  # 2 of MultiBinary
        if (outside := (actions < first) | (actions >= first + count) | (actions != np.floor(actions))).any():
            raise self._error_at(outside, actions, f"lies outside the action space {space}")
        return self._acting.to_policy(torch.from_numpy(actions.astype(np.int64)))

    def _check_end(self, name: str) -> None:
        """An end is of the episode, or of each step, of which only the last may end it."""
        try:
            ends = np.asarray(getattr(self._episode, name))
        except ValueError:  # of lists that are ragged
            ends = np.array("ragged")
        fits = ends.shape in ((), self._rewards.shape) and ends.dtype.kind in "biuf"
        if not fits or not np.isin(ends, (0, 1)).all():
            raise self._error(f"{name} must be true or false, or that for each of {len(self._rewards)} steps")
        early = np.flatnonzero(ends.ravel()[:-1])
        if len(early):
            raise self._error(f"goes on after its end: {name} in step {early[0]}; split it there")

    def _numbers(self, name: str, values: Any, shape: tuple[int, ...]) -> NDArray[np.float64]:
        """Returns finite numbers of each step: of as many as there are rewards."""
        sizes = [str(len(self._rewards) if name != "rewards" else "steps"), *map(str, shape)]
        expected = f"({', '.join(sizes)}{',' if len(sizes) == 1 else ''})"
        array = as_numbers(f"episode {self._index}: {name}", values, expected)
        fits = array.ndim == len(sizes) and array.shape[1:] == shape
        if not fits or (name != "rewards" and len(array) != len(self._rewards)):
            extra = len(self._rewards) + 1 if name == "observations" else None
            remedy = "; leave out the one after the last action" if fits and len(array) == extra else ""
            raise self._error(f"{name} must be numbers of shape {expected}, got shape {array.shape}{remedy}")
        numbers: NDArray[np.float64] = array.astype(np.float64)
        wrong = np.flatnonzero(~are_finite(numbers).all(axis=tuple(range(1, array.ndim))))
        if len(wrong):
            raise self._error(f"{name} are not finite in step {wrong[0]}")
        return numbers

    def _error(self, problem: str) -> UserError:
        return UserError(f"episode {self._index}: {problem}")

    def _error_at(self, wrong: NDArray[np.bool_], actions: NDArray[np.float64], problem: str) -> UserError:
        """The first wrong number among actions."""
        place = tuple(np.argwhere(wrong)[0])
        return self._error(f"its action {actions[place]:g} in step {place[0]} {problem}")
