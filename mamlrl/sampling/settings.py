"""How episodes are collected."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import gymnasium

from mamlrl.sampling.actions import ActionScaling
from mamlrl.settings.numbers import PositiveFinite, PositiveInt
from mamlrl.settings.section import Section


@dataclass(frozen=True)
class SamplingConfig(Section):
    """How episodes are collected.

    Attributes:
        episodes_per_task: Episodes of each task for every gradient step.
        unit: `episodes` collects exactly that many episodes; `transitions` collects as the original code does: in
            training, episodes of all tasks in step until together they hold tasks x episodes_per_task x horizon
            transitions; in evaluation, episodes of each task until they hold its share, the last one finished.
        rescale_actions: Whether the policy's actions are read in [-action_bound, action_bound] and rescaled to the
            bounds of the action space; otherwise, and in dimensions without bounds, they are used as they are. The
            environment clips in both cases.
        normalize_observations: Whether policy and value baseline see observations shifted and scaled to mean 0 and
            standard deviation 1, and clipped to +-10. The statistics are those of all meta-iterations before, part
            of checkpoints, and go with the policy everywhere.
        action_bound: Action of the policy that stands for the bounds of the action space. A larger one makes the
            environment's actions smaller and, unlike a smaller policy.initial_std, does not make the inner steps
            larger.
        groups: Groups of tasks that are sampled at the same time, each in an environment and a thread of its own:
            one's physics overlaps with another's policy (double-buffered sampling, Petrenko et al. 2020).
        compile: Whether PyTorch compiles a time step into few kernels: the policy, and the arithmetic of rewards
            and observations around the physics. For environments on a GPU, or with `env.kwargs.array_module`
            `torch`.
    """

    episodes_per_task: PositiveInt = 20
    unit: Literal["episodes", "transitions"] = "episodes"
    rescale_actions: bool = True
    normalize_observations: bool = False
    action_bound: PositiveFinite = 1.0
    groups: PositiveInt = 1
    compile: bool = False

    def action_scaling(self, space: gymnasium.Space[Any]) -> ActionScaling | None:
        """Returns the map from a policy's actions to an action space, None if they are used as they are."""
        return ActionScaling.of(space, self.action_bound) if self.rescale_actions else None
