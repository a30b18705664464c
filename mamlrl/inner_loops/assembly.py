"""What inner loops are assembled from, in one place for training, evaluation, films and benchmarks."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch

from mamlrl.adaptation.build import make_estimator
from mamlrl.adaptation.estimator import Estimator
from mamlrl.devices import make_device
from mamlrl.distributed.team import Share, check_own_gpu
from mamlrl.envs import TaskEnv
from mamlrl.envs.adapter.task_source import Split
from mamlrl.errors import UserError
from mamlrl.experiments.experiment import Experiment
from mamlrl.experiments.policy import PolicyExperiment
from mamlrl.experiments.supervised import SupervisedExperiment
from mamlrl.inner_loops.memory import check_number_of_episodes, check_policy_memory, check_supervised_memory
from mamlrl.inner_loops.policy import PolicyInnerLoop, make_inner_loss
from mamlrl.inner_loops.supervised import SupervisedInnerLoop
from mamlrl.networks.build import make_policy
from mamlrl.networks.network import Network
from mamlrl.randomness import Randomness
from mamlrl.sampling.budgets import Budget, shared_budget
from mamlrl.sampling.build import make_task_envs
from mamlrl.sampling.sampler import Sampler
from mamlrl.sampling.settings import SamplingConfig
from mamlrl.sampling.task_group import Watch
from mamlrl.settings.choices import shown
from mamlrl.supervised.build import make_supervised_tasks
from mamlrl.supervised.tasks import SupervisedTasks

EstimatorMaker = Callable[[Network], Estimator]
HOST = torch.device("cpu")  # draws all random numbers, so that a seed means the same on every device


@dataclass(frozen=True)
class ActingAssembly:
    """A policy that acts in a batch of tasks.

    Attributes:
        device: Where the policy runs.
        policy: The policy.
        sampler: Rolls it out.
        randomness: Randomness of environments and actions.
    """

    device: torch.device
    policy: Network
    sampler: Sampler
    randomness: Randomness


@dataclass(frozen=True)
class PolicyAssembly(ActingAssembly):
    """A policy that acts in a batch of tasks and adapts to them.

    Attributes:
        inner_loop: Adapts it.
    """

    inner_loop: PolicyInnerLoop


def assemble_acting(
    experiment: PolicyExperiment,
    envs: Sequence[TaskEnv],
    seed: int,
    sampling: SamplingConfig,
    watch: Watch | None = None,
    budget: Budget = shared_budget,
    share: Share | None = None,
) -> ActingAssembly:
    """Assembles an experiment's device, policy, sampler and randomness, to act in environments.

    Args:
        experiment: The experiment.
        envs: One environment for each group of tasks.
        seed: Seed of the randomness.
        sampling: How episodes are collected.
        watch: See `TaskGroup`.
        budget: Which episodes to keep where `sampling.unit` is `transitions`.
        share: Which tasks of a meta-batch these are; all of it by default.

    Raises:
        UserError: If the device is not available, or the policy does not fit the environments.
    """
    device = _device(experiment)
    policy = make_policy(envs[0].single_observation_space, envs[0].single_action_space, experiment.policy)
    sampler = Sampler(envs, policy, sampling, device, watch, budget, experiment.env.info, share)
    return ActingAssembly(device, policy, sampler, Randomness.from_seed(seed, HOST))


def assemble_policy(
    experiment: PolicyExperiment,
    num_tasks: int,
    seed: int,
    sampling: SamplingConfig | None = None,
    estimator: EstimatorMaker | None = None,
    budget: Budget = shared_budget,
    split: Split = "train",
    share: Share | None = None,
) -> PolicyAssembly:
    """Assembles all of an experiment's inner loop, its environments included.

    An inner loop of 0 steps in training has nothing to adapt to: it pools the episodes of all tasks.

    Args:
        experiment: The experiment.
        num_tasks: Tasks that are sampled at the same time.
        seed: Seed of the randomness.
        sampling: How episodes are collected; as in training by default.
        estimator: Makes the inner loop's estimator; that of training by default.
        budget: See `assemble_acting`.
        split: Which tasks are to be drawn.
        share: See `assemble_acting`; `num_tasks` is then the number of its tasks.

    Raises:
        UserError: If the environment or the device is not available, or settings do not fit.
    """
    if not isinstance(experiment, PolicyExperiment):
        raise UserError(f"config must be of class PolicyExperiment, got {shown(experiment)}")
    sampling = sampling or experiment.sampling
    _device(experiment)  # before environments are made
    check_number_of_episodes(num_tasks, sampling.episodes_per_task)
    envs = make_task_envs(experiment.env, num_tasks, sampling, experiment.device, split)
    acting = assemble_acting(experiment, envs, seed, sampling, budget=budget, share=share)
    policy = acting.policy
    steps = max(experiment.adaptation.steps, experiment.evaluation.steps)
    check_policy_memory(policy, envs[0], num_tasks, sampling.episodes_per_task, steps)
    adapting = estimator(policy) if estimator else make_estimator(experiment.adaptation, policy)
    loss = make_inner_loss(experiment.adaptation, policy, adapting)
    pooled = estimator is None and not adapting.scales
    inner_loop = PolicyInnerLoop(acting.sampler, policy, adapting, loss, experiment.advantages, pooled)
    return PolicyAssembly(acting.device, policy, acting.sampler, acting.randomness, inner_loop)


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
        split: `train`, `val` or `test`: which classes to draw from, where a data set has classes.
        seed: Seed of the randomness.
        estimator: Makes the inner loop's estimator; that of training by default.

    Raises:
        UserError: If the data set or the device is not available, or settings do not fit.
    """
    if not isinstance(experiment, SupervisedExperiment):
        raise UserError(f"config must be of class SupervisedExperiment, got {shown(experiment)}")
    device = _device(experiment)
    tasks = make_supervised_tasks(experiment.data, split)
    network = tasks.make_network(experiment.network)
    check_supervised_memory(network, experiment)
    adapting = estimator(network) if estimator else make_estimator(experiment.adaptation, network)
    if split == "train" and tasks.num_classes and not adapting.scales:
        raise UserError(
            "adaptation.steps: without an inner loop, nothing can be learned of classes that are numbered anew in "
            "each task; lay pretrained_classes over the config instead, or take at least 1"
        )
    inner_loop = SupervisedInnerLoop(network, adapting)
    return SupervisedAssembly(device, tasks, inner_loop, Randomness.from_seed(seed, HOST))


def _device(experiment: Experiment) -> torch.device:
    """Returns the experiment's device, with the precision it asks for."""
    device = make_device(experiment.device, experiment.precision)
    check_own_gpu(experiment.device)
    return device
