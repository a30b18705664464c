"""The episodes of an evaluation as a recording, in an npz file."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from mamlrl.deployment.acting import Acting
from mamlrl.deployment.collecting import episodes_of
from mamlrl.deployment.episodes import Episode
from mamlrl.deployment.interface import Interface
from mamlrl.errors import UserError
from mamlrl.evaluation.policy_evaluation import PolicyEvaluation
from mamlrl.files import AnyPath, written
from mamlrl.sampling.rollouts import Rollouts, tensors_of
from mamlrl.sampling.spaces import plain_interface

SUFFIX = ".npz"


class RecordedEpisode(NamedTuple):
    """An episode of an evaluation.

    Attributes:
        task: Number of its task in the evaluation.
        step: Adaptation steps that its policy had taken.
        episode: The episode.
        last_observation: The observation after its last action, shape (D,).
    """

    task: int
    step: int
    episode: Episode
    last_observation: NDArray[np.float32]


def recorded_episodes(evaluation: PolicyEvaluation) -> list[RecordedEpisode]:
    """Returns the episodes that an evaluation reports, by steps, then by task.

    Those whose simulation diverged, or that a budget of transitions leaves out, are not among them.

    Args:
        evaluation: The evaluation.
    """
    sampler, trajectory = evaluation.sampler, evaluation.adapted.adaptation.trajectory
    plain = plain_interface(sampler.env, evaluation.experiment.sampling)
    interface = replace(Interface.restore(plain), normalizer=sampler.normalizer)
    found = []
    for step, rollouts in enumerate(evaluation.reported):
        for task, phi in enumerate(trajectory[step].cpu()):
            of_task = {name: values[task : task + 1].cpu() for name, values in tensors_of(rollouts).items()}
            episodes = episodes_of(
                Rollouts(**of_task), Acting(evaluation.network, phi, interface), sampler.horizon
            )
            last = of_task["last_observations"][0, of_task["mask"][0, :, 0] > 0].numpy()
            found += [RecordedEpisode(task, step, *each) for each in zip(episodes, last, strict=True)]
    return found


def check_npz(path: AnyPath) -> None:
    """Raises a UserError if a path is not that of an npz file."""
    if Path(path).suffix != SUFFIX:
        raise UserError(f"cannot write {path}: its suffix must be {SUFFIX}")


def write_npz(path: AnyPath, recorded: Sequence[RecordedEpisode], tasks: NDArray[np.float64]) -> None:
    """Writes episodes to an npz file.

    Its arrays have a leading axis of all N episodes; time is padded with zeros to the longest, T steps:
    `observations` (N, T, D) and `last_observations` (N, D); `actions` in the range of the action space, and
    `policy_actions` before scaling and clipping, both (N, T, A), or (N, T) if they are discrete; `log_probs`,
    `rewards`, and `mask`, true while the episode was running, (N, T); `terminated` and `truncated` (N,); `task`
    and `step`, the number of the task and of the adaptation steps, (N,); and `tasks`, the parameters, (task, ...).

    Args:
        path: File to write.
        recorded: The episodes, at least one.
        tasks: Parameters of the tasks.

    Raises:
        UserError: If the file cannot be written.
    """
    check_npz(path)
    lengths = [len(each.episode.rewards) for each in recorded]
    names = ("observations", "actions", "policy_actions", "log_probs", "rewards")
    arrays: dict[str, Any] = {
        name: _padded([getattr(each.episode, name) for each in recorded], max(lengths)) for name in names
    }
    arrays |= {
        "last_observations": np.stack([each.last_observation for each in recorded]),
        "mask": np.arange(max(lengths)) < np.array(lengths)[:, None],
        "terminated": np.array([each.episode.terminated for each in recorded]),
        "truncated": np.array([each.episode.truncated for each in recorded]),
        "task": np.array([each.task for each in recorded]),
        "step": np.array([each.step for each in recorded]),
        "tasks": tasks,
    }
    with written(path) as file:
        np.savez_compressed(file, **arrays)


def _padded(values: Sequence[NDArray[Any]], length: int) -> NDArray[Any]:
    """Stacks arrays along a new first axis, padded with zeros along their own first."""
    result = np.zeros((len(values), length, *values[0].shape[1:]), values[0].dtype)
    for row, each in zip(result, values, strict=True):
        row[: len(each)] = each
    return result
