"""Episodes that were collected anywhere: what is recorded of them, and where they may come from."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from typing import Any

import numpy as np

from mamlrl.errors import UserError


@dataclass(frozen=True)
class Episode:
    """What was recorded of one episode of T steps, as arrays or lists.

    The inner loop needs the actions as the policy drew them, before they were clipped to the action space: those
    beyond the bounds are where it learns most. `Recorder` records everything.

    Attributes:
        observations: The observation before each action, shape (T, D).
        actions: What was carried out, in the range of the action space, shape (T, A), or (T,) if discrete.
        rewards: The reward after each action, shape (T,).
        terminated: Whether the task's own end was reached; of the episode, or of each step, shape (T,).
        truncated: Whether the episode was cut off, likewise; both kinds of end count the same, as in training.
        policy_actions: The actions as the policy drew them, before scaling and clipping, shape (T, A); may be left
            out where actions are discrete, or none of them was clipped.
        log_probs: Log-probability (density) of the policy's actions when they were drawn, shape (T,); may be left
            out. Where they are given, episodes of another policy are noticed.
        last_observation: The observation after the last action, shape (D,); only policies that were trained with
            `advantages.bootstrap_at_time_limits` need it, of episodes that did not terminate.
    """

    observations: Any
    actions: Any
    rewards: Any
    terminated: Any = False
    truncated: Any = False
    policy_actions: Any = None
    log_probs: Any = None
    last_observation: Any = None


def read_episodes(source: Any) -> list[Episode]:
    """Returns the episodes that somebody else collected.

    Args:
        source: A list of `Episode`, or of mappings with its fields, such as `numpy.load` gives of an `npz` file;
            or a Minari dataset, whose infos may hold `policy_actions` and `log_probs`, one for each step.

    Raises:
        UserError: If it is none of these, holds no episode, or, by the infos `task` of a dataset, those of several
            tasks.
    """
    if hasattr(source, "iterate_episodes"):
        recorded = list(source.iterate_episodes())
        _check_one_task(recorded)
        source = [_of_minari(data) for data in recorded]
    if isinstance(source, Episode | Mapping | str | bytes) or not isinstance(source, Iterable):
        raise UserError(
            f"adapt: takes an environment, a list of episodes, or a Minari dataset, got a {type(source).__name__}"
        )
    episodes = [_of_mapping(index, one) for index, one in enumerate(source)]
    if not episodes:
        raise UserError("adapt: there are no episodes; collect at least one")
    return episodes


def _of_mapping(index: int, one: Any) -> Episode:
    if isinstance(one, Episode):
        return one
    names = [field.name for field in fields(Episode)]
    if not isinstance(one, Mapping):
        raise UserError(
            f"episode {index}: must be an Episode or a mapping with its fields, got a {type(one).__name__}"
        )
    for name in one:
        if name not in names:
            raise UserError(f"episode {index}: there is no field {name}; there are: {', '.join(names)}")
    for name in names[:3]:
        if name not in one:
            raise UserError(f"episode {index}: {name} are missing")
    return Episode(**one)


def _check_one_task(recorded: list[Any]) -> None:
    """Raises a UserError for episodes of a dataset whose infos name different tasks."""
    tasks = [np.asarray(data.infos["task"]) for data in recorded if "task" in (data.infos or {})]
    if tasks and (np.concatenate(tasks) != tasks[0][:1]).any():
        raise UserError(
            "adapt: the dataset has episodes of different tasks; take those of one: "
            "dataset.filter_episodes(lambda episode: (episode.infos['task'][0] == task).all())"
        )


def _of_minari(data: Any) -> Episode:
    steps = len(data.rewards)
    infos = data.infos or {}
    given = {name: infos[name][-steps:] for name in ("policy_actions", "log_probs") if name in infos}
    observations = data.observations
    if not isinstance(observations, Mapping | tuple):
        given["last_observation"] = observations[steps] if len(observations) == steps + 1 else None
        observations = observations[:steps]  # without the one after the last action
    return Episode(observations, data.actions, data.rewards, data.terminations, data.truncations, **given)
