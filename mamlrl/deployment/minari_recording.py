"""The episodes of an evaluation as a Minari dataset."""

from __future__ import annotations

import shutil
import warnings
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from mamlrl._version import __version__
from mamlrl.deployment.recorded_rollouts import RecordedEpisode
from mamlrl.errors import UserError
from mamlrl.evaluation.policy_evaluation import PolicyEvaluation
from mamlrl.files import os_errors_as
from mamlrl.sampling.checked_env import CheckedEnv
from mamlrl.settings.choices import named


def check_minari(name: str) -> None:
    """Checks that a Minari dataset can be written.

    Args:
        name: Its id, such as `navigation2d/adapted-v0`.

    Raises:
        UserError: If the extra is missing, the id is none, or there is such a dataset already.
    """
    minari = _import_minari()
    try:
        minari.dataset.minari_dataset.parse_dataset_id(name)
    except (ValueError, TypeError) as error:  # the latter of an id without a version
        raise UserError(
            f"minari: {name} is no id of a dataset; choose one such as navigation2d/adapted-v0"
        ) from error
    if (path := _minari_folder(minari, name)).exists():
        raise UserError(f"minari: there is a dataset {name} already, in {path}; choose another name or version")


def write_minari(name: str, recorded: Sequence[RecordedEpisode], evaluation: PolicyEvaluation) -> None:
    """Writes episodes to a Minari dataset, in Minari's folder (`MINARI_DATASETS_PATH`).

    Actions are in the range of the action space. Infos hold, for each step, `policy_actions` and `log_probs`,
    which `AdaptivePolicy.adapt` takes, the parameters of the `task`, and the `adaptation_step`.

    Args:
        name: Id of the dataset.
        recorded: The episodes.
        evaluation: What they are of.

    Raises:
        UserError: If it cannot be written, see `check_minari`; nothing of it is left.
    """
    check_minari(name)
    minari, env = _import_minari(), evaluation.sampler.env
    folder = _minari_folder(minari, name)
    try:
        with (
            os_errors_as(f"cannot write the dataset {name} to {folder}"),
            warnings.catch_warnings(action="ignore", category=UserWarning),  # of Minari, on an author and the like
        ):
            minari.create_dataset_from_buffers(
                name,
                [_buffer(minari, each, evaluation) for each in recorded],
                observation_space=env.single_observation_space,
                action_space=env.single_action_space,
                algorithm_name=f"mamlrl {__version__}, {named(evaluation.experiment.adaptation.estimator)}",
                description=f"Episodes of adapted policies in {CheckedEnv(env).name}",
            )
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise


def _buffer(minari: ModuleType, recorded: RecordedEpisode, evaluation: PolicyEvaluation) -> Any:
    episode, steps = recorded.episode, len(recorded.episode.rewards)
    space = evaluation.sampler.env.single_observation_space
    last = np.arange(steps) == steps - 1
    return minari.data_collector.EpisodeBuffer(
        observations=np.concatenate([episode.observations, recorded.last_observation[None]]).astype(space.dtype),
        actions=episode.actions,
        rewards=episode.rewards,
        terminations=last & episode.terminated,
        truncations=last & episode.truncated,
        infos={
            "policy_actions": episode.policy_actions,
            "log_probs": episode.log_probs,
            "task": np.repeat(evaluation.tasks[recorded.task][None], steps, axis=0),
            "adaptation_step": np.full(steps, recorded.step),
        },
    )


def _minari_folder(minari: ModuleType, name: str) -> Path:
    with os_errors_as("cannot use Minari's folder of datasets"):
        return Path(minari.storage.get_dataset_path(name))


def _import_minari() -> ModuleType:
    try:
        import minari  # noqa: PLC0415 (an extra)
    except ModuleNotFoundError as error:
        raise UserError("minari: Minari is not installed; pip install 'mamlrl[minari]'") from error
    return minari
