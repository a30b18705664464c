"""What inner loops are assembled from, in one place for training, evaluation, films and benchmarks."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch

from mamlrl.adaptation.build import make_estimator
from mamlrl.adaptation.estimator import Estimator
from mamlrl.devices import make_device
from mamlrl.envs import TaskEnv
from mamlrl.experiments.policy import PolicyExperiment
from mamlrl.experiments.supervised import SupervisedExperiment
from mamlrl.inner_loops.policy import PolicyInnerLoop, make_inner_loss
from mamlrl.inner_loops.supervised import SupervisedInnerLoop
from mamlrl.networks.build import make_policy
from mamlrl.networks.network import Network
from mamlrl.randomness import Randomness
from mamlrl.sampling.build import make_task_envs
from mamlrl.sampling.sampler import Sampler
from mamlrl.sampling.settings import SamplingConfig
from mamlrl.sampling.task_group import Watch
from mamlrl.supervised.build import make_supervised_tasks
from mamlrl.supervised.tasks import SupervisedTasks

EstimatorMaker = Callable[[Network], Estimator]


@dataclass(frozen=True)
class PolicyAssembly:
    """A policy that acts in a batch of tasks and adapts to them.

    Attributes:
        device: Where the policy runs.
        policy: The policy.
        sampler: Rolls it out.
        inner_loop: Adapts it.
        randomness: Randomness of environments and actions.
    """

    device: torch.device
    policy: Network
    sampler: Sampler
    inner_loop: PolicyInnerLoop
    randomness: Randomness


def assemble_policy(
    experiment: PolicyExperiment,
    num_tasks: int,
    seed: int,
    sampling: SamplingConfig | None = None,
    estimator: EstimatorMaker | None = None,
    envs: Sequence[TaskEnv] | None = None,
    watch: Watch | None = None,
) -> PolicyAssembly:
    """Assembles an experiment's device, environments, policy, sampler, inner loop and randomness.

    Args:
        experiment: The experiment.
        num_tasks: Tasks that are sampled at the same time.
        seed: Seed of the randomness.
        sampling: How episodes are collected; as in training by default.
        estimator: Makes the inner loop's estimator; that of training by default.
        envs: Environments to act in; made for `num_tasks` tasks by default.
        watch: See `TaskGroup`.

    Raises:
        UserError: If the environment or the device is not available, or settings do not fit.
    """
    sampling = sampling or experiment.sampling
    device = make_device(experiment.device)
    envs = envs or make_task_envs(experiment.env, num_tasks, sampling)
    policy = make_policy(envs[0].single_observation_space, envs[0].single_action_space, experiment.policy)
    adapting = estimator(policy) if estimator else make_estimator(experiment.adaptation, policy)
    loss = make_inner_loss(experiment.adaptation, policy, adapting)
    sampler = Sampler(envs, policy, sampling, device, watch)
    inner_loop = PolicyInnerLoop(sampler, policy, adapting, loss, experiment.advantages)
    return PolicyAssembly(device, policy, sampler, inner_loop, Randomness.from_seed(seed, device))


@dataclass(frozen=True)
class SupervisedAssembly:
    """A network that adapts to a batch of tasks by examples.

    Attributes:
        device: Where the network runs.
        tasks: The distribution of tasks.
        inner_loop: Adapts the network.
        randomness: Randomness of tasks and examples.
    """

    device: torch.device
    tasks: SupervisedTasks
    inner_loop: SupervisedInnerLoop
    randomness: Randomness


def assemble_supervised(
    experiment: SupervisedExperiment, split: str, seed: int, estimator: EstimatorMaker | None = None
) -> SupervisedAssembly:
    """Assembles an experiment's device, tasks, network, inner loop and randomness.

    Args:
        experiment: The experiment.
        split: `train` or `test`: which classes to draw from, where a data set keeps some for testing.
        seed: Seed of the randomness.
        estimator: Makes the inner loop's estimator; that of training by default.

    Raises:
        UserError: If the data set or the device is not available, or settings do not fit.
    """
    device = make_device(experiment.device)
    tasks = make_supervised_tasks(experiment.data, split)
    network = tasks.make_network(experiment.network)
    adapting = estimator(network) if estimator else make_estimator(experiment.adaptation, network)
    inner_loop = SupervisedInnerLoop(network, adapting)
    return SupervisedAssembly(device, tasks, inner_loop, Randomness.from_seed(seed, device))
