"""Numbers from the environment: keys of `info`, each reduced over an episode."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Literal

import torch
from torch import Tensor

from mamlrl.envs import TaskEnv
from mamlrl.envs.arrays import Array
from mamlrl.envs.info import missing
from mamlrl.errors import TaskEnvError, UserError
from mamlrl.metric_names import check_name
from mamlrl.sampling.checked_env import CheckedEnv
from mamlrl.sampling.env_arrays import UnexpectedError, checked_array

Reduction = Literal["any", "last", "mean", "sum"]


def _last(values: Tensor, mask: Tensor) -> Tensor:
    steps = torch.arange(1, mask.shape[-1] + 1, dtype=mask.dtype, device=mask.device)
    return values.gather(-1, (steps * mask).argmax(-1, keepdim=True))[..., 0]


# of values and mask, shape (..., time), to (...); values are 0 where the mask is
REDUCTIONS: dict[Reduction, Callable[[Tensor, Tensor], Tensor]] = {
    "any": lambda values, mask: (values != 0).any(-1).to(values.dtype),
    "last": _last,
    "mean": lambda values, mask: values.sum(-1) / mask.sum(-1).clamp(min=1),
    "sum": lambda values, mask: values.sum(-1),
}


def check_keys(keys: Iterable[str]) -> None:
    """Refuses keys of info that cannot name a metric.

    Raises:
        UserError: If one is not printable, or is the name of another metric; the message names it.
    """
    for key in keys:
        try:
            check_name(key)
        except ValueError as error:
            raise UserError(f"env.info: {error}; let the environment give it another name") from error


def info_numbers(env: TaskEnv, checked: CheckedEnv, keys: Iterable[str]) -> list[Array]:
    """Returns the numbers that the info of an environment's last step has; nothing waits for its device.

    Args:
        env: The environment.
        checked: The same, whose calls are checked.
        keys: Keys of info.

    Returns:
        Copies of shape (num_envs,), one for each key; NaN where the info says that a sub-environment has no value,
        in an array of truth values whose key is `_` and the key, as Gymnasium's own vector environments do.

    Raises:
        TaskEnvError: If a key is missing, or has no number for each sub-environment; the message names it, the
            nearest key, and `step`.
    """
    info, xp, numbers = checked.info, env.xp, []
    place, shape = f"environment {checked.name}: step", (env.num_envs,)
    for key in keys:
        if not isinstance(info, Mapping) or key not in info:
            raise TaskEnvError(f"{place}: {missing(key, info)}")
        try:
            values = xp.asarray(checked_array(env, "info", info[key], shape), dtype=xp.float64, copy=True)
            if f"_{key}" in info:
                has_value = checked_array(env, "info", info[f"_{key}"], shape, "booleans")
                values = xp.where(has_value, values, xp.nan)
        except UnexpectedError as error:
            raise TaskEnvError(
                f"{place} returned {error.came} for {key}, which env.info names; expected {error.expected}"
            ) from error
        numbers.append(values)
    return numbers


class EpisodeInfo:
    """Collects keys of info while episodes run, and reduces each over the episode.

    Args:
        env: The environment.
        checked: The same, whose calls are checked.
        reductions: How each key is reduced.
    """

    def __init__(self, env: TaskEnv, checked: CheckedEnv, reductions: Mapping[str, Reduction]) -> None:
        self._env = env
        self._checked = checked
        self._reductions = reductions
        self._steps: list[Array] = []

    def begin(self) -> None:
        """Forgets earlier episodes."""
        self._steps = []

    def add(self) -> None:
        """Keeps the numbers of the environment's last step."""
        if self._reductions:
            self._steps.append(self._env.xp.stack(info_numbers(self._env, self._checked, self._reductions)))

    def reduced(self, mask: Tensor, valid: Tensor) -> Tensor | None:
        """Returns a number for each episode and key.

        Args:
            mask: 1 while an episode was running, shape (task, episode, time).
            valid: Episodes that count, shape (task, episode); numbers of the others may be anything.

        Returns:
            Shape (task, episode, key), 0 in episodes that do not count; None if there are no keys.

        Raises:
            TaskEnvError: If a number is not finite.
        """
        if not self._reductions:
            return None
        steps = self._steps[: mask.shape[-1]]  # some more may have gone by on a device
        values = torch.as_tensor(self._env.xp.stack(steps, axis=-1)).to(mask.device)
        values = values.view(len(values), *mask.shape)
        counted = (mask > 0) & valid[:, :, None]
        self._check_finite(values, counted)
        mask = counted.to(values.dtype)
        pairs = zip(self._reductions.values(), values.where(counted, 0.0), strict=True)
        return torch.stack([REDUCTIONS[reduction](of_key, mask) for reduction, of_key in pairs], dim=-1)

    def _check_finite(self, values: Tensor, counted: Tensor) -> None:
        wrong = ~values.isfinite() & counted
        if wrong.any():
            row, task, episode, time = wrong.nonzero()[0].tolist()
            key = list(self._reductions)[row]
            place = f"{self._checked.task_text(task)}, episode {episode}, step {time}"
            raise TaskEnvError(
                f"environment {self._checked.name}: step: info has {float(values[row, task, episode, time])} for "
                f"{key}, which env.info names, in {place}; it must be a finite number after every step"
            )
