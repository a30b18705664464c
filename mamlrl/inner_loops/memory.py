"""Whether a batch of tasks can fit into memory at all, asked before anything is written or takes long.

These are lower bounds, for settings with zeros too many: what passes may still be too large.
"""

from __future__ import annotations

import os
from math import prod

from mamlrl.envs import TaskEnv
from mamlrl.errors import UserError
from mamlrl.experiments.supervised import SupervisedExperiment
from mamlrl.networks.network import Network

FLOAT32, FLOAT64 = 4, 8  # bytes
ENVIRONMENT = 64  # bytes at least of one sub-environment's state


def check_number_of_episodes(num_tasks: int, episodes: int) -> None:
    """Refuses more sub-environments than can exist.

    Args:
        num_tasks: Tasks that are sampled at the same time.
        episodes: Episodes of each.

    Raises:
        UserError: If memory is too small.
    """
    culprits = "the number of tasks (meta_batch_size, evaluation.tasks) or of their episodes (episodes_per_task)"
    _check(culprits, num_tasks * episodes * ENVIRONMENT)


def check_policy_memory(policy: Network, env: TaskEnv, num_tasks: int, episodes: int, steps: int) -> None:
    """Refuses a policy whose parameters, or episodes that, cannot be held for all tasks at once.

    Args:
        policy: The policy.
        env: An environment of the tasks.
        num_tasks: Tasks that are sampled at the same time.
        episodes: Episodes of each.
        steps: Adaptation steps.

    Raises:
        UserError: If memory is too small; the message names the setting.
    """
    copies = (num_tasks + 1) * policy.num_parameters * FLOAT32
    _check("policy.hidden_sizes or policy.context_size", copies)
    _check("adaptation.steps or evaluation.steps", copies * steps)  # all of their parameters are kept
    numbers = prod(env.single_observation_space.shape or ()) + policy.distribution.output_size
    _check("env.kwargs.horizon", num_tasks * episodes * env.horizon * numbers * FLOAT32)
    _check("env.kwargs.horizon", env.horizon**2 * FLOAT64)  # discounts of all pairs of steps


def check_supervised_memory(network: Network, experiment: SupervisedExperiment) -> None:
    """Refuses a network whose parameters, or examples that, cannot be held for all tasks at once.

    Raises:
        UserError: If memory is too small; the message names the setting.
    """
    data, evaluation = experiment.data, experiment.evaluation
    _check(
        "network.hidden_sizes or network.context_size",
        (experiment.meta_batch_size + 1) * network.num_parameters * FLOAT32,
    )
    trained = max(experiment.meta_batch_size, data.validation_tasks) * (data.shots + data.queries)
    evaluated = evaluation.tasks * ((evaluation.shots or data.shots) + (evaluation.queries or data.queries))
    _check("meta_batch_size, data.validation_tasks, data.shots or data.queries", trained * FLOAT64)
    _check("evaluation.tasks, evaluation.shots or evaluation.queries", evaluated * FLOAT64)


def _check(culprits: str, num_bytes: int) -> None:
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    if num_bytes > memory:
        raise UserError(
            f"{culprits} must be smaller: at least {num_bytes / 2**30:.3g} GiB of memory would be needed, "
            f"and there are {memory / 2**30:.3g}"
        )
