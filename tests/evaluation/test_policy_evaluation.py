"""Returns of policies on held-out tasks."""

import numpy as np
import pytest
import torch
from programs import TINY
from scipy import stats

from mamlrl.errors import UserError
from mamlrl.evaluation.build import evaluate
from mamlrl.experiments.command_line import load_config
from mamlrl.experiments.experiment import EvaluationConfig
from mamlrl.networks.build import make_policy
from mamlrl.randomness import Randomness
from mamlrl.sampling.build import make_task_env
from mamlrl.sampling.sampler import Sampler
from mamlrl.sampling.settings import SamplingConfig


def tiny_config(*overrides):
    return load_config("navigation2d", [*TINY[1:], *overrides])


def make_env_and_policy(config):
    env = make_task_env(config.env, config.evaluation.tasks * config.evaluation.episodes_per_task)
    return env, make_policy(env.single_observation_space, env.single_action_space, config.policy)


def some_params(config, seed=0):
    _, policy = make_env_and_policy(config)
    return policy.init(torch.Generator().manual_seed(seed))


def evaluated(*overrides, seed=0):
    config = tiny_config(*overrides)
    return evaluate(config, some_params(config, seed))


@pytest.mark.parametrize("steps", [0, 1, 3])
def test_returns_are_of_every_step_and_task(steps):
    evaluation = evaluated(f"--evaluation.steps={steps}", "--evaluation.tasks=5")
    assert evaluation.returns.shape == (steps + 1, 5)
    assert evaluation.tasks.shape == (5, 2)
    assert np.isfinite(evaluation.returns).all()
    assert len(evaluation.adapted.rollouts) == steps + 1
    assert len(evaluation.step_scales) == steps
    for rollouts, returns in zip(evaluation.adapted.rollouts, evaluation.returns, strict=True):
        assert rollouts.rewards.shape[:2] == (5, 2)
        np.testing.assert_allclose((rollouts.rewards * rollouts.mask).sum(dim=2).mean(dim=1), returns)


def test_the_number_of_inner_steps_in_training_does_not_matter():
    one, three = evaluated("--adaptation.steps=1"), evaluated("--adaptation.steps=3")
    np.testing.assert_array_equal(one.returns, three.returns)


def test_evaluation_seed_determines_everything_and_training_seed_nothing():
    first = evaluated()
    np.testing.assert_array_equal(evaluated().returns, first.returns)
    np.testing.assert_array_equal(evaluated("--seed=99").returns, first.returns)
    other = evaluated("--evaluation.seed=1")
    assert not np.isclose(other.returns, first.returns).any()
    assert not np.isclose(other.tasks, first.tasks).any()


def test_two_checkpoints_are_evaluated_on_the_same_tasks():
    first, second = evaluated(seed=0), evaluated(seed=1)
    np.testing.assert_array_equal(first.tasks, second.tasks)
    assert not np.isclose(first.returns, second.returns).any()


def test_before_adaptation_the_meta_parameters_act():
    config = tiny_config()
    params = some_params(config)
    evaluation = evaluate(config, params)
    env, policy = make_env_and_policy(config)
    randomness = Randomness.from_seed(config.evaluation.seed, torch.device("cpu"))
    env.set_tasks(env.sample_tasks(randomness.rng, config.evaluation.tasks))
    sampling = SamplingConfig(config.evaluation.episodes_per_task)
    sampler = Sampler([env], policy, sampling, torch.device("cpu"))
    rollouts = sampler.sample(params, randomness)
    np.testing.assert_allclose(rollouts.task_returns(), evaluation.returns[0])
    torch.testing.assert_close(rollouts.actions, evaluation.adapted.rollouts[0].actions)


def test_each_step_descends_by_its_step_size():
    evaluation = evaluated("--evaluation.first_step_size=0.3", "--evaluation.later_step_factor=0.2")
    adaptation = evaluation.adapted.adaptation
    assert evaluation.step_scales == pytest.approx((1.0, 0.2))
    for update, step_size in zip(adaptation.updates, (0.3, 0.06), strict=True):
        expected = update.path[0] - step_size * update.gradients[0]
        torch.testing.assert_close(update.params, expected)


def test_without_a_step_size_the_parameters_stay():
    adaptation = evaluated("--evaluation.first_step_size=0").adapted.adaptation
    assert torch.equal(adaptation.initial, adaptation.phi)


def test_every_step_samples_fresh_episodes():
    first, second, third = evaluated("--evaluation.first_step_size=0").adapted.rollouts
    assert not torch.isclose(first.actions, second.actions).any()
    assert not torch.isclose(second.actions, third.actions).any()


def test_parameters_of_another_policy_are_refused():
    with pytest.raises(UserError, match="parameters"):
        evaluate(tiny_config(), torch.zeros(7))


def test_evaluation_by_transitions_collects_at_least_the_budget():
    near = ["--env.kwargs.goal_range=0.005", "--sampling.rescale_actions=false"]
    near += ["--policy.initial_std=0.003", "--policy.min_std=1e-6"]
    evaluation = evaluated("--sampling.unit=transitions", *near, "--evaluation.first_step_size=0")
    assert evaluation.returns.shape == (3, 3)
    assert np.isfinite(evaluation.returns).all()
    for rollouts in evaluation.adapted.rollouts:
        lengths = rollouts.mask.sum(dim=2)
        assert (lengths.sum(dim=1) >= 2 * 10).all()
        assert ((lengths > 0).sum(dim=1) > 2).any()  # episodes that end early leave room for more


def test_summary_holds_mean_interval_and_every_return():
    evaluation = evaluated()
    for step, row in enumerate(evaluation.summary()):
        low, high = stats.t.interval(0.95, 2, np.mean(row["returns"]), stats.sem(row["returns"]))
        assert row["step"] == step
        assert row["returns"] == evaluation.returns[step].tolist()
        assert (row["mean"] - row["interval_95"], row["mean"] + row["interval_95"]) == pytest.approx((low, high))


def adapted_params(evaluation):
    return torch.stack(evaluation.adapted.adaptation.trajectory)


def test_named_tasks_that_are_the_held_out_ones_change_nothing():
    config = tiny_config()
    params = some_params(config)
    drawn = evaluate(config, params)
    named = evaluate(config, params, tasks=drawn.tasks.tolist())
    np.testing.assert_array_equal(named.returns, drawn.returns)
    assert named.protocol() == drawn.protocol()


def test_named_tasks_are_acted_in():
    goals = [[0.3, -0.2], [-0.5, 0.5], [0.0, 0.1], [0.2, 0.2]]
    evaluation = evaluate(tiny_config(), some_params(tiny_config()), tasks=goals)
    assert evaluation.tasks.tolist() == evaluation.protocol()["tasks"] == goals
    assert evaluation.experiment.evaluation.tasks == 4
    assert evaluation.returns.shape == (3, 4)
    for rollouts in evaluation.reported:
        at = rollouts.observations[:, :, 1:]  # where a step led to
        rewards = -(at - torch.tensor(goals, dtype=torch.float32)[:, None, None]).norm(dim=-1)
        torch.testing.assert_close(rollouts.rewards[:, :, :-1], rewards.double(), rtol=1e-4, atol=1e-5)


def test_named_tasks_are_checked():
    config = tiny_config()
    with pytest.raises(UserError, match=r"^task 1, \[0\.9, 0\.0\], lies outside the task space"):
        evaluate(config, some_params(config), tasks=[[0.1, 0.0], [0.9, 0.0]])


def test_deterministic_episodes_are_reported_and_sampled_ones_adapted_on():
    sampled, deterministic = evaluated(), evaluated("--evaluation.deterministic=true")
    assert torch.equal(adapted_params(deterministic), adapted_params(sampled))
    assert len(deterministic.reported) == 3
    for rollouts, random in zip(deterministic.reported, sampled.adapted.rollouts, strict=True):
        means, _ = rollouts.outputs.chunk(2, dim=-1)
        torch.testing.assert_close(rollouts.actions, means)
        assert not torch.isclose(random.actions, random.outputs.chunk(2, dim=-1)[0]).any()
        torch.testing.assert_close(rollouts.actions[:, 0], rollouts.actions[:, 1])  # nothing else is random
    for step, rollouts in enumerate(deterministic.reported):
        np.testing.assert_allclose(rollouts.task_returns(), deterministic.returns[step])
    assert deterministic.sample_size() == "3 tasks x 2 deterministic episodes"
    assert deterministic.protocol()["deterministic"] is True
    np.testing.assert_array_equal(deterministic.paths().positions[2], deterministic.reported[2].observations)


def test_deterministic_evaluation_by_transitions_collects_the_budget():
    evaluation = evaluated("--evaluation.deterministic=true", "--sampling.unit=transitions")
    assert all((rollouts.mask.sum(dim=(1, 2)) >= 2 * 10).all() for rollouts in evaluation.reported)


@pytest.mark.parametrize("shots", [1, 2, 5])
def test_shots_are_adapted_on_and_other_episodes_reported(shots):
    evaluation = evaluated(f"--evaluation.adaptation_episodes={shots}")
    assert [rollouts.mask.shape[:2] for rollouts in evaluation.adapted.rollouts] == [(3, shots)] * 3
    assert [rollouts.mask.shape[:2] for rollouts in evaluation.reported] == [(3, 2)] * 3
    for step, rollouts in enumerate(evaluation.reported):
        np.testing.assert_allclose(rollouts.task_returns(), evaluation.returns[step])
        outputs = torch.stack(
            [
                evaluation.network(phi, observations)
                for phi, observations in zip(adapted_params(evaluation)[step], rollouts.observations, strict=True)
            ]
        )
        torch.testing.assert_close(outputs * rollouts.mask[..., None], rollouts.outputs * rollouts.mask[..., None])
        for other in evaluation.adapted.rollouts:
            same = min(other.actions.shape[1], 2)
            assert not torch.equal(other.actions[:, :same], rollouts.actions[:, :same])
    assert evaluation.protocol()["shots"] == shots
    assert evaluation.sample_size() == f"3 tasks x 2 episodes ({shots} to adapt on)"


def test_as_many_shots_as_episodes_adapt_as_without():
    sampled, separate = evaluated(), evaluated("--evaluation.adaptation_episodes=2")
    assert torch.equal(adapted_params(separate), adapted_params(sampled))
    assert not np.isclose(separate.returns, sampled.returns).any()


def test_without_options_what_is_adapted_on_is_reported():
    evaluation = evaluated()
    assert evaluation.reported is evaluation.adapted.rollouts
    assert {"shots", "deterministic"}.isdisjoint(evaluation.protocol())


def test_shots_are_a_setting_of_each_kind():
    assert tiny_config().evaluation.with_shots(7).adaptation_episodes == 7
    assert load_config("sinusoid").evaluation.with_shots(7).shots == 7
    with pytest.raises(UserError, match=r"^shots: EvaluationConfig has no number of episodes"):
        EvaluationConfig().with_shots(7)
