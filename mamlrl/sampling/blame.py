"""Whose fault it is that episodes hold numbers that are not finite: the environment's or the policy's."""

from __future__ import annotations

from dataclasses import dataclass
from math import isfinite

import torch
from torch import Tensor

from mamlrl.errors import DivergenceError, LearningError, NonFiniteError
from mamlrl.sampling.checked_env import CheckedEnv
from mamlrl.sampling.rollouts import Rollouts

REMEDY = "the policy itself is at fault"
_ORDER = ("observation", "outputs", "actions", "reward")  # as they follow from each other in a time step


@dataclass(frozen=True)
class Fault:
    """The first number of some rollouts that is not finite, or too large for an action.

    Attributes:
        what: `observation` or `reward`, made by the environment, `outputs` or `actions`, made by the policy.
        task: Index of the task.
        episode: Index of the episode.
        time: Time step.
        value: The number.
    """

    what: str
    task: int
    episode: int
    time: int
    value: float

    @property
    def by_policy(self) -> bool:
        """Whether the policy made it."""
        return self.what in ("outputs", "actions")


def are_sound(actions: Tensor, limit: float) -> bool:
    """Whether no action is undefined or larger than the limit."""
    if not actions.is_floating_point():
        return True
    low, high = actions.aminmax()
    return bool(-limit <= low) and bool(high <= limit)


def first_fault(rollouts: Rollouts, valid: Tensor, limit: float) -> Fault | None:
    """Finds the first number in time that is not finite; what it led to, one way or the other, comes later.

    Args:
        rollouts: The episodes.
        valid: Episodes whose observations and rewards count, shape (task, episode); actions count in all.
        limit: Magnitude that no action has unless something is wrong with the policy.
    """
    sums = (rollouts.observations, rollouts.rewards, rollouts.outputs)
    if all(values.sum().isfinite() for values in sums) and are_sound(rollouts.actions, limit):
        return None
    numbers = [rollouts.observations, rollouts.outputs, rollouts.actions, rollouts.rewards]
    numbers = [values.reshape(*rollouts.mask.shape, -1) for values in numbers]
    wrong = [~values.isfinite() for values in numbers]
    wrong[2] |= numbers[2].abs() > limit
    found = torch.stack([each.any(dim=-1) for each in wrong], dim=-1) & (rollouts.mask > 0)[..., None]
    found[..., 1:3] &= ~found[..., :1]  # not the policy's, if it is what an observation made of it
    found[..., [0, 3]] &= valid[:, :, None, None]
    places = found.movedim(2, 0).nonzero()
    if not len(places):
        return None
    time, task, episode, kind = places[0].tolist()
    at = (task, episode, time)
    value = numbers[kind][at][wrong[kind][at]][0]
    return Fault(_ORDER[kind], *at[:2], time, float(value))


def error_of(fault: Fault, checked: CheckedEnv) -> NonFiniteError:
    """Returns the error that says what is wrong, where, and whose fault it is.

    Args:
        fault: What is wrong.
        checked: The environment that it was found in.
    """
    place = f"{checked.task_text(fault.task)}, episode {fault.episode}, step {fault.time}"
    if fault.by_policy:
        problem = f"as large as {abs(fault.value):g}" if isfinite(fault.value) else f"not finite ({fault.value})"
        return LearningError(
            f"the policy's {fault.what} are {problem} in {place} of environment {checked.name}; {REMEDY}"
        )
    method = "reset" if (fault.what, fault.time) == ("observation", 0) else "step"
    return NonFiniteError(
        f"environment {checked.name}: {fault.what} of {place} is not finite: {method} returned {fault.value}"
    )


def check_some_are_valid(diverged: Tensor, checked: CheckedEnv) -> None:
    """Checks that of every task some simulation did not diverge.

    Args:
        diverged: Whether the simulations did, shape (task, episode).
        checked: Their environment.

    Raises:
        DivergenceError: If all of a task did.
    """
    lost = diverged.all(dim=1)
    if lost.any():
        task = checked.task_text(int(lost.nonzero()[0]))
        raise DivergenceError(
            f"environment {checked.name}: all {diverged.shape[1]} simulations of {task} diverged, which "
            "leaves no episode to learn from; lower adaptation.step_size or policy.initial_std, or take more "
            "episodes per task"
        )
