"""Tasks to train on, to choose by and to evaluate on, as `env.tasks` and its companions say."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from mamlrl.envs.adapter.distributions import NumberDistribution
from mamlrl.envs.adapter.joint_distribution import JointDistribution
from mamlrl.envs.adapter.task_source import SPLITS, Split
from mamlrl.errors import UserError, suggestion

SETTINGS: dict[Split, str] = {
    "train": "env.tasks",
    "validation": "env.validation_tasks",
    "test": "env.test_tasks",
}


def keys_by_split(train: Mapping[str, Any], own: Mapping[Split, Mapping[str, Any]]) -> dict[str, dict[Split, Any]]:
    """Returns the setting of each key in each split: its own, or that of the tasks to train on.

    Args:
        train: Distribution by key of the tasks to train on.
        own: Distributions by key of other splits.

    Raises:
        UserError: If a split has a key that the tasks to train on have not, or what is no distribution.
    """
    for split, settings in own.items():
        for key, setting in settings.items():
            if key not in train:
                nearest = suggestion(key, list(train))
                raise UserError(f"{SETTINGS[split]}: {key}: env.tasks has no such key{nearest}")
            try:
                NumberDistribution.read(setting["scale"] if is_scaled(setting) else setting)
            except ValueError as error:
                raise UserError(f"{SETTINGS[split]}: {key}: {error}") from error
    return {
        key: {split: own.get(split, train).get(key, setting) for split in SPLITS} for key, setting in train.items()
    }


def is_scaled(setting: Any) -> bool:
    """Returns whether a setting draws factors."""
    return isinstance(setting, Mapping) and list(setting) == ["scale"]


def joint_distributions(
    distributions: Mapping[Split, Sequence[NumberDistribution]], own: Mapping[Split, object]
) -> dict[Split, JointDistribution]:
    """Returns the distribution of tasks of each split.

    Args:
        distributions: Of the numbers of a task, by split.
        own: Splits that have distributions of their own, beside that to train on.

    Raises:
        UserError: If lists do not belong together, or a task could be drawn in two splits.
    """
    joint: dict[Split, JointDistribution] = {}
    for split in SPLITS:
        try:
            joint[split] = JointDistribution(distributions[split])
        except ValueError as error:
            raise UserError(f"{SETTINGS[split]}: {error}") from error
    apart: list[Split] = ["train", *(split for split in SPLITS if split in own)]
    for index, split in enumerate(apart):
        for other in apart[:index]:
            common = joint[split].common_with(joint[other])
            if common is not None:
                text = ", ".join(f"{number:g}" for number in common)
                raise UserError(
                    f"{SETTINGS[split]}: the task {text} is one of {SETTINGS[other]}, too; no task may be in both"
                )
    return joint
