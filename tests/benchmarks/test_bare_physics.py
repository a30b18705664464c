"""The floor under sampling: the physics of the same episodes."""

import numpy as np
import pytest
import torch
from programs import TINY

from mamlrl.benchmarks.bare_physics import BarePhysics
from mamlrl.experiments.command_line import load_config
from mamlrl.learners.policy import MetaLearner
from mamlrl.randomness import Randomness


@pytest.mark.parametrize("groups", [1, 2])
def test_bare_physics_are_those_of_the_sampled_episodes(groups):
    learner = MetaLearner(load_config("half_cheetah_direction", [*TINY[1:], f"--sampling.groups={groups}"]))
    sampler = learner.sampler
    assert len(sampler.groups) == groups
    sampler.set_tasks(sampler.sample_tasks(np.random.default_rng(0)))
    rollouts = sampler.sample(learner.params, Randomness.from_seed(3, torch.device("cpu")))
    reached = np.concatenate([group.env.simulator.positions for group in sampler.groups])
    physics = BarePhysics(learner.config, sampler)
    assert physics.seconds(rollouts, Randomness.from_seed(3, torch.device("cpu"))) > 0
    np.testing.assert_array_equal(physics.simulator.positions, reached)
