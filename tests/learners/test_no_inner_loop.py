"""Training without an inner loop: plain policy gradients, and supervised learning, of all tasks at once."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from programs import TINY, run
from sinusoids import tiny
from torch.distributions import Normal

from mamlrl import evaluate, load_config, make_learner
from mamlrl.adaptation.build import AdaptationConfig, make_estimator
from mamlrl.errors import UserError
from mamlrl.learners.policy import MetaLearner
from mamlrl.networks.gaussian import DiagonalGaussian
from mamlrl.networks.mlp import MlpPolicy
from mamlrl.runs.saved import SavedRun
from mamlrl.sampling.advantages import process
from mamlrl.timing import PhaseTimer

PRETRAINED = ["--config=pretrained", "--policy.activation=tanh"]


def learner_of(*options):
    learner = MetaLearner(load_config("navigation2d", [*TINY[1:], *PRETRAINED, *options]))
    learner.params = learner.params.double()
    return learner


def plain_surrogate(policy, theta, rollouts, advantages):
    """TRPO's surrogate over all steps of all episodes (Schulman et al. 2015, equation 14), by plain torch."""
    mask = rollouts.mask[0] > 0
    mean, log_std = policy(theta, rollouts.observations[0]).chunk(2, dim=-1)
    old_mean, old_log_std = rollouts.outputs[0].chunk(2, dim=-1)
    now, old = Normal(mean, log_std.exp()), Normal(old_mean, old_log_std.exp())
    actions = rollouts.actions[0]
    ratio = (now.log_prob(actions) - old.log_prob(actions)).sum(dim=-1).exp()
    return -(ratio * advantages)[mask].mean()


def test_an_estimator_of_no_steps_is_the_identity():
    policy = MlpPolicy(2, DiagonalGaussian(1), (3,), "tanh")
    for name in ("maml", "first_order"):
        estimator = make_estimator(AdaptationConfig(estimator=name, steps=0), policy)
        theta = estimator.init(policy.init(torch.Generator().manual_seed(0), torch.float64))
        adaptation = estimator.adapt(theta, 3, None)
        jacobian = estimator.linearize(adaptation)
        vector, cotangents = torch.randn_like(theta), torch.randn(3, len(theta), dtype=torch.float64)
        assert torch.equal(adaptation.phi, theta.expand(3, -1))
        assert torch.equal(jacobian.pushforward(vector), vector.expand(3, -1))
        assert torch.equal(jacobian.pullback(cotangents), cotangents.sum(dim=0))


def test_the_gradient_of_pretraining_is_that_of_plain_trpo():
    near = ["--env.kwargs.goal_range=0.02", "--policy.initial_std=0.01", "--policy.min_std=1e-6"]
    near += ["--sampling.rescale_actions=false", "--env.kwargs.horizon=40"]
    learner = learner_of(*near, "--sampling.groups=2")
    adapted = learner.collect()
    (rollouts,) = adapted.rollouts
    assert rollouts.mask.shape[:2] == (1, 6)
    assert len(set(rollouts.mask.sum(dim=2)[0].tolist())) > 1  # ends differ, so that their weights matter
    mask = rollouts.mask[0]
    config = replace(learner.config.advantages, standardize=False)
    raw = process(rollouts, config).batch.advantages[0].double()
    advantages = torch.zeros_like(mask)
    advantages[mask > 0] = (raw - raw.mean()) / (raw.std(correction=0) + 1e-8)
    theta = learner.params.clone().requires_grad_()
    (expected,) = torch.autograd.grad(plain_surrogate(learner.policy, theta, rollouts, advantages), theta)
    torch.testing.assert_close(learner.objective(adapted).gradient(), expected, rtol=1e-6, atol=1e-9)


def test_every_episode_has_a_task_of_its_own():
    learner = learner_of("--sampling.groups=2")
    learner.collect()
    first = [group.env.tasks.copy() for group in learner.sampler.groups]
    learner.collect()
    second = [group.env.tasks for group in learner.sampler.groups]
    goals = np.concatenate([*first, *second])
    assert goals.shape == (12, 2)
    assert len(np.unique(goals, axis=0)) == 12


@pytest.mark.parametrize("optimizer", ["trust_region", "promp", "adam"])
def test_every_outer_optimizer_learns_without_an_inner_loop(optimizer):
    learner = MetaLearner(load_config("navigation2d", [*TINY[1:], *PRETRAINED, f"--outer_optimizer={optimizer}"]))
    before = learner.params
    metrics = learner.iterate()
    assert not torch.equal(learner.params, before)
    assert np.isfinite(list(metrics.values())).all()
    assert "return/step_1" not in metrics
    assert metrics["env_steps"] == 2 * 3 * 10


def test_what_was_trained_without_an_inner_loop_adapts_in_evaluation():
    config = load_config("navigation2d", [*TINY[1:], *PRETRAINED])
    evaluation = evaluate(config, MetaLearner(config).params)
    assert evaluation.returns.shape == (3, 3)
    adaptation = evaluation.adapted.adaptation
    expected = adaptation.initial - config.adaptation.step_size * adaptation.updates[0].gradients[0]
    torch.testing.assert_close(adaptation.updates[0].params, expected)


def test_supervised_pretraining_descends_the_loss_of_all_tasks():
    learner = make_learner(tiny("--config=pretrained"))
    examples = learner.sample()
    adaptation = learner.inner_loop.adapt(learner.params, examples.support)
    theta = learner.params.clone().requires_grad_()
    outputs = learner.network(theta, examples.query.observations)
    loss = (outputs - examples.query.targets).square().mean()
    (expected,) = torch.autograd.grad(loss, theta)
    gradient = learner.inner_loop.objective(adaptation, examples.query).gradient()
    torch.testing.assert_close(gradient, expected, rtol=1e-5, atol=1e-6)
    assert set(learner.iterate()) >= {"mse/step_0"}


def test_the_oracle_observes_the_task():
    learner = MetaLearner(load_config("navigation2d", [*TINY[1:], "--config=oracle"]))
    (rollouts,) = learner.collect().rollouts
    goals = torch.from_numpy(learner.sampler.env.tasks).float()
    for step in range(rollouts.mask.shape[2]):
        running = rollouts.mask[0, :, step] > 0
        assert torch.equal(rollouts.observations[0, running, step, 2:], goals[running])
    assert load_config("navigation2d", ["--config=oracle"]).evaluation.steps == 0
    evaluation = evaluate(learner.config, learner.params)
    goals = torch.from_numpy(evaluation.tasks).float()
    assert torch.equal(evaluation.reported[0].observations[:, 0, 0, 2:], goals)


def test_the_oracle_of_sine_waves_has_amplitude_and_phase_as_inputs():
    learner = make_learner(tiny("--config=oracle_inputs"))
    examples = learner.sample()
    for batch in (examples.support, examples.query):
        x, amplitude, phase = batch.observations.double().unbind(dim=-1)
        waves, targets = amplitude * (x - phase).sin(), batch.targets[..., 0].double()
        torch.testing.assert_close(waves, targets, rtol=0, atol=1e-5)
    assert np.isfinite(list(learner.iterate().values())).all()


def test_a_run_without_iterations_is_the_initialisation(tmp_path):
    assert run("train", *TINY, "--config=random", "--seed=3", f"--output={tmp_path / 'run'}") == 0
    saved = SavedRun.load(tmp_path / "run")
    assert torch.equal(saved.state["params"], MetaLearner(saved.experiment).params)
    assert saved.evaluate(saved.experiment).returns.shape == (3, 3)


def test_credit_for_exploration_needs_an_inner_step():
    with pytest.raises(UserError, match=r"^exploration_weight: with adaptation\.steps 0, "):
        learner_of("--exploration_weight=1")


def test_the_summary_says_what_is_sampled():
    assert learner_of().summary()["meta-iteration"].endswith("each episode in a task of its own")


def test_times_are_taken_as_with_an_inner_loop():
    timer = PhaseTimer(torch.device("cpu"))
    learner_of().collect(timer)
    assert {"sampling", "advantages"} <= set(timer.seconds)
