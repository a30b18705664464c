"""Assembled inner loops against the same parts put together by hand."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from programs import TINY
from samplers import FIELDS
from sinusoids import tiny

from mamlrl.adaptation.build import make_estimator
from mamlrl.errors import UserError
from mamlrl.experiments.command_line import load_config
from mamlrl.inner_loops import assembly
from mamlrl.inner_loops.assembly import assemble_acting, assemble_policy, assemble_supervised
from mamlrl.losses.derivatives import task_gradients
from mamlrl.losses.likelihood import negative_log_likelihood
from mamlrl.losses.policy_losses import Reinforce
from mamlrl.losses.task_losses import TaskLosses
from mamlrl.networks.build import make_policy
from mamlrl.networks.gaussian import IsotropicGaussian
from mamlrl.networks.mlp import MlpPolicy
from mamlrl.randomness import Randomness
from mamlrl.sampling.advantages import process
from mamlrl.sampling.build import make_task_env
from mamlrl.sampling.sampler import Sampler
from mamlrl.supervised.sinusoid import Sinusoid
from mamlrl.timing import PhaseTimer

CPU = torch.device("cpu")
TASKS, SEED = 4, 7


@pytest.fixture
def experiment():
    return load_config("navigation2d", TINY[1:])


def run(assembled, theta):
    tasks = assembled.sampler.sample_tasks(assembled.randomness.rng)
    return assembled.inner_loop.run(theta, tasks, assembled.randomness, PhaseTimer(assembled.device))


def initial(assembled):
    return assembled.inner_loop.estimator.init(assembled.policy.init(assembled.randomness.generator))


def run_by_hand(experiment):
    """The rollouts before and after one gradient step on REINFORCE, and the parameters after it."""
    env = make_task_env(experiment.env, TASKS * experiment.sampling.episodes_per_task)
    policy = make_policy(env.single_observation_space, env.single_action_space, experiment.policy)
    sampler = Sampler([env], policy, experiment.sampling, CPU)
    randomness = Randomness(np.random.default_rng(SEED), torch.Generator().manual_seed(SEED))
    theta = policy.init(randomness.generator).expand(TASKS, -1)
    env.set_tasks(env.sample_tasks(randomness.rng, TASKS))
    before = sampler.sample(theta, randomness)
    losses = TaskLosses(policy, Reinforce(policy.distribution), process(before, experiment.advantages).batch)
    phi = theta - experiment.adaptation.step_size * task_gradients(losses, theta)
    return before, sampler.sample(phi, randomness), phi


def test_a_policy_is_assembled_as_by_hand(experiment):
    assembled = assemble_policy(experiment, TASKS, SEED)
    adapted = run(assembled, initial(assembled))
    before, after, phi = run_by_hand(experiment)
    for rollouts, expected in zip(adapted.rollouts, (before, after), strict=True):
        for name in FIELDS:
            assert torch.equal(getattr(rollouts, name), getattr(expected, name)), name
    assert torch.equal(adapted.adaptation.phi, phi)


def test_another_seed_draws_something_else(experiment):
    first, other = (assemble_policy(experiment, TASKS, seed) for seed in (SEED, SEED + 1))
    theta = initial(first)
    assert not torch.equal(theta, initial(other))
    assert not torch.equal(run(first, theta).rollouts[0].rewards, run(other, theta).rollouts[0].rewards)


def test_the_estimator_and_the_sampling_of_training_are_the_defaults(experiment):
    assembled = assemble_policy(experiment, TASKS, SEED)
    estimator = assembled.inner_loop.estimator
    assert estimator.scales == (1.0,) * experiment.adaptation.steps
    assert estimator.rule.step_sizes.expand(torch.zeros(0)).unique().tolist() == [experiment.adaptation.step_size]
    assert assembled.sampler.env.num_envs == TASKS * experiment.sampling.episodes_per_task
    assert assembled.sampler.num_tasks == TASKS


def test_another_estimator_and_another_sampling_are_used(experiment):
    sampling, seen = replace(experiment.sampling, episodes_per_task=5, groups=2), []

    def estimator(network):
        seen.append(network)
        return make_estimator(experiment.adaptation, network, scales=(0.5, 0.25))

    assembled = assemble_policy(experiment, TASKS, SEED, sampling, estimator)
    assert seen == [assembled.policy]
    assert [group.env.num_envs for group in assembled.sampler.groups] == [10, 10]
    adapted = run(assembled, initial(assembled))
    assert [update.scale for update in adapted.adaptation.updates] == [0.5, 0.25]
    assert adapted.rollouts[-1].mask.shape[:2] == (TASKS, 5)


def test_environments_that_are_given_are_used_and_watched(experiment):
    envs = [make_task_env(experiment.env, size * experiment.sampling.episodes_per_task) for size in (1, 3)]
    for env in envs:
        env.set_tasks(
            env.sample_tasks(np.random.default_rng(0), env.num_envs // experiment.sampling.episodes_per_task)
        )
    told = []
    acting = assemble_acting(
        experiment, envs, SEED, experiment.sampling, lambda r, running: told.append(len(running))
    )
    assert [group.env for group in acting.sampler.groups] == envs
    params = acting.policy.init(acting.randomness.generator)
    assert acting.sampler.sample(params, acting.randomness).mask.shape[0] == sum((1, 3))
    assert set(told) == {env.num_envs for env in envs}


@pytest.mark.parametrize("device", ["cuda:99", "no such device"])
def test_a_device_that_there_is_not_is_named(experiment, device):
    with pytest.raises(UserError, match=f"there is no {device} here"):
        assemble_policy(replace(experiment, device=device), TASKS, SEED)
    with pytest.raises(UserError, match=f"there is no {device} here"):
        assemble_supervised(replace(tiny(), device=device), "train", SEED)


def test_a_supervised_inner_loop_is_assembled_as_by_hand():
    experiment = tiny("--adaptation.step_size=0.05")
    assembled = assemble_supervised(experiment, "train", SEED)
    theta = assembled.inner_loop.network.init(assembled.randomness.generator)
    examples = assembled.tasks.sample(assembled.randomness.rng, TASKS, 5, 3)
    phi = assembled.inner_loop.adapt(theta, examples.support).phi

    network = MlpPolicy(1, IsotropicGaussian(1), (8, 6))
    start = network.init(torch.Generator().manual_seed(SEED))
    expected = Sinusoid().sample(np.random.default_rng(SEED), TASKS, 5, 3)
    losses = TaskLosses(network, negative_log_likelihood(network.distribution), expected.support)
    assert torch.equal(theta, start)
    assert torch.equal(examples.query.targets, expected.query.targets)
    assert torch.equal(phi, start - 0.05 * task_gradients(losses, start.expand(TASKS, -1)))


def test_a_supervised_inner_loop_takes_the_split_and_the_estimator_that_are_given(monkeypatch):
    splits, experiment = [], tiny()
    monkeypatch.setattr(
        assembly, "make_supervised_tasks", lambda data, split: splits.append((data, split)) or Sinusoid()
    )
    assembled = assemble_supervised(
        experiment, "test", SEED, lambda network: make_estimator(experiment.adaptation, network, scales=(0.5,))
    )
    assert splits == [(experiment.data, "test")]
    assert assembled.inner_loop.estimator.scales == (0.5,)
