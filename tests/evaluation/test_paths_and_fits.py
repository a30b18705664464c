"""What evaluations hold for figures to draw, and how they are described."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from programs import TINY

from mamlrl.errors import UserError
from mamlrl.evaluation.build import evaluate
from mamlrl.experiments.command_line import load_config
from mamlrl.networks.build import make_policy
from mamlrl.sampling.build import make_task_env
from mamlrl.supervised.build import make_supervised_tasks

NOT_NAVIGATION = "paths can be drawn of 2D navigation only, where observations are positions and tasks goals"
NOT_FROM_ONE_NUMBER = "fits can be drawn of regression from one number only, such as data.dataset sinusoid"


def navigation(*overrides):
    experiment = load_config("navigation2d", [*TINY[1:], *overrides])
    env = make_task_env(experiment.env, 1)
    policy = make_policy(env.single_observation_space, env.single_action_space, experiment.policy)
    return evaluate(experiment, policy.init(torch.Generator().manual_seed(0)))


def sinusoid(*overrides):
    experiment = load_config("sinusoid", ["--network.hidden_sizes=[8]", "--evaluation.tasks=3", *overrides])
    network = make_supervised_tasks(experiment.data, "test").make_network(experiment.network)
    return evaluate(experiment, network.init(torch.Generator().manual_seed(0)))


def test_paths_are_those_of_the_rollouts():
    evaluation = navigation()
    paths = evaluation.paths()
    assert paths.goals.shape == (3, 2)
    np.testing.assert_array_equal(paths.goals, evaluation.tasks)
    assert len(paths.positions) == len(paths.masks) == 3
    for positions, mask, rollouts in zip(paths.positions, paths.masks, evaluation.adapted.rollouts, strict=True):
        assert positions.shape == (3, 2, 10, 2)
        assert mask.dtype == np.bool_
        np.testing.assert_array_equal(positions, rollouts.observations)
        np.testing.assert_array_equal(mask, rollouts.mask > 0)
        assert (positions[:, :, 0] == 0).all()


def test_paths_end_with_the_episode():
    near = ["--env.kwargs.goal_range=0.005", "--sampling.rescale_actions=false", "--policy.initial_std=0.02"]
    evaluation = navigation(*near, "--evaluation.first_step_size=0", "--evaluation.tasks=4")
    lengths = [mask.sum(axis=2) for mask in evaluation.paths().masks]
    for length, rollouts in zip(lengths, evaluation.adapted.rollouts, strict=True):
        np.testing.assert_array_equal(length, rollouts.mask.sum(dim=2))
    assert np.min(lengths) < 10


@pytest.mark.parametrize("step_count", [0, 1, 2, 4])
def test_fits_are_outputs_at_query_examples_after_no_step_one_and_all(step_count):
    evaluation = sinusoid(f"--evaluation.steps={step_count}")
    fits = evaluation.fits()
    support, query = evaluation.examples.support, evaluation.examples.query
    for found, expected in [
        (fits.support_inputs, support.observations),
        (fits.support_targets, support.targets),
        (fits.query_inputs, query.observations),
        (fits.query_targets, query.targets),
    ]:
        assert found.shape == expected.shape[:2]
        np.testing.assert_array_equal(found, expected[..., 0])
    assert list(fits.outputs) == sorted({0, min(1, step_count), step_count})
    for step, outputs in fits.outputs.items():
        errors = (outputs - fits.query_targets) ** 2
        np.testing.assert_allclose(errors.mean(axis=1), evaluation.metrics["mse"][step], rtol=1e-5)


def test_paths_of_anything_else_are_refused():
    for other in (sinusoid(), replace(navigation(), tasks=np.zeros((3, 1)))):
        with pytest.raises(UserError) as raised:
            other.paths()
        assert str(raised.value) == NOT_NAVIGATION


def test_fits_of_anything_else_are_refused():
    evaluation = sinusoid()
    query = evaluation.examples.query
    wide = replace(query, observations=query.observations.expand(-1, -1, 2))
    for other in (navigation(), replace(evaluation, examples=replace(evaluation.examples, query=wide))):
        with pytest.raises(UserError) as raised:
            other.fits()
        assert str(raised.value) == NOT_FROM_ONE_NUMBER


def test_what_an_evaluation_was_on_and_how_exactly_to_print_it():
    policies = navigation("--sampling.unit=transitions")
    assert (policies.sample_size(), policies.decimals) == ("3 tasks x 2 transitions", 2)
    curves = sinusoid("--evaluation.shots=4")
    assert (curves.sample_size(), curves.decimals) == ("3 tasks x 4 shots", 3)
    assert sinusoid("--data.shots=7", "--evaluation.shots=0").sample_size() == "3 tasks x 7 shots"
