"""Episodes of many tasks as tensors."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields, replace

import torch
from torch import Tensor
from torch.nn.functional import pad

from mamlrl.metric_names import RETURN

WITHOUT_TIME = ("last_observations", "terminated", "info")


@dataclass(frozen=True)
class Rollouts:
    """Episodes with axes (task, episode, time, feature); time is padded to the longest episode.

    Attributes:
        observations: Before each action, shape (task, episode, time, D).
        actions: The policy's actions, before any rescaling or clipping, shape (task, episode, time, ...).
        rewards: After each action, 0 where the episode had ended, shape (task, episode, time).
        mask: 1 while the episode was running, else 0, shape (task, episode, time).
        outputs: Parameters of the distribution each action was drawn from, shape (task, episode, time, K).
        last_observations: After the last action of each episode, shape (task, episode, D); None if not known.
        terminated: Whether each episode reached the task's own end rather than being cut off, shape (task,
            episode); None if not known.
        info: Numbers from the environment, reduced over each episode, shape (task, episode, key); None for none.
    """

    observations: Tensor
    actions: Tensor
    rewards: Tensor
    mask: Tensor
    outputs: Tensor
    last_observations: Tensor | None = None
    terminated: Tensor | None = None
    info: Tensor | None = None

    @property
    def transitions(self) -> int:
        """Number of environment steps, padding not counted."""
        return int(self.mask.sum())

    def task_returns(self) -> Tensor:
        """Mean undiscounted return over the episodes of each task, shape (task,)."""
        episodes = self.mask[:, :, 0].sum(dim=1)
        return (self.rewards * self.mask).sum(dim=(1, 2)) / episodes

    def episode_returns(self) -> Tensor:
        """Undiscounted return of every episode that counts, shape (number of episodes,)."""
        return (self.rewards * self.mask).sum(dim=2)[self.mask[:, :, 0] > 0]

    def task_info(self) -> Tensor:
        """Mean over the episodes of each task of the numbers from the environment, shape (task, key)."""
        if self.info is None:
            return self.rewards.new_zeros(len(self.rewards), 0)
        kept = self.mask[:, :, :1]
        return (self.info * kept).sum(dim=1) / kept.sum(dim=1)

    def pooled(self) -> Rollouts:
        """Returns the same episodes as if they were of one task, shape (1, task * episode, ...)."""
        return Rollouts(**{name: values.flatten(0, 1)[None] for name, values in tensors_of(self).items()})

    def to(self, device: torch.device) -> Rollouts:
        """Returns the same episodes on a device."""
        return Rollouts(**{name: values.to(device) for name, values in tensors_of(self).items()})


def task_values(rollouts: Sequence[Rollouts], keys: Iterable[str]) -> dict[str, list[Tensor]]:
    """Returns the value of each metric in each task, by metric, for every one of several rollouts.

    Args:
        rollouts: Of the same tasks.
        keys: Names of the numbers in `Rollouts.info`.

    Returns:
        The returns, as `return`, and the numbers from the environment; each of shape (task,).
    """
    values = {RETURN: [each.task_returns() for each in rollouts]}
    columns = [each.task_info().unbind(dim=1) for each in rollouts]
    return values | {key: [each[index] for each in columns] for index, key in enumerate(keys)}


def join(pieces: Sequence[Rollouts], dim: int) -> Rollouts:
    """Joins rollouts along the axis of tasks, 0, or of episodes, 1, and pads time with zeros."""
    if len(pieces) == 1:
        return pieces[0]
    longest = max(piece.mask.shape[2] for piece in pieces)
    joined = {}
    for name in tensors_of(pieces[0]):
        tensors = [getattr(piece, name) for piece in pieces]
        padded = tensors if name in WITHOUT_TIME else [_pad(tensor, longest) for tensor in tensors]
        joined[name] = torch.cat(padded, dim=dim)
    return Rollouts(**joined)


def tensors_of(rollouts: Rollouts) -> dict[str, Tensor]:
    """Returns the tensors by name, those that are not known left out."""
    named = {field.name: getattr(rollouts, field.name) for field in fields(Rollouts)}
    return {name: values for name, values in named.items() if values is not None}


def _pad(tensor: Tensor, length: int) -> Tensor:
    """Appends zeros to axis 2."""
    missing = length - tensor.shape[2]
    return pad(tensor, (0, 0) * (tensor.dim() - 3) + (0, missing)) if missing else tensor


def until_all_ended(rollouts: Rollouts) -> Rollouts:
    """Leaves out the steps that no episode was running in, of rollouts with numbers of every step alone."""
    length = int(rollouts.mask.amax(dim=(0, 1)).sum())
    return Rollouts(**{name: values[:, :, :length] for name, values in tensors_of(rollouts).items()})


def keep(rollouts: Rollouts, kept: Tensor) -> Rollouts:
    """Masks the episodes that are not kept; `kept` has shape (task, episode)."""
    mask = rollouts.mask * kept[:, :, None]
    return replace(rollouts, mask=mask, rewards=rollouts.rewards * mask)


def without(rollouts: Rollouts, dropped: Tensor) -> Rollouts:
    """Removes whole episodes: all about them becomes 0, the mask too; `dropped` has shape (task, episode)."""
    return Rollouts(
        **{
            name: values.masked_fill(dropped.view(*dropped.shape, *[1] * (values.dim() - 2)), 0)
            for name, values in tensors_of(rollouts).items()
        }
    )
