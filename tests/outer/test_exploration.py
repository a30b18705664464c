"""E-MAML's term against plain autograd, in double precision."""

from dataclasses import replace

import pytest
import torch
from adapted_problems import TASKS, solve_problem
from problems import relative_error
from programs import TINY
from random_rollouts import make_rollouts

from mamlrl import load_config
from mamlrl.learners.policy import MetaLearner
from mamlrl.losses.policy_losses import Surrogate
from mamlrl.losses.task_losses import TaskLosses
from mamlrl.outer.exploration import adjusted_rewards, exploration_losses
from mamlrl.outer.objective import MetaObjective
from mamlrl.sampling.rollouts import Rollouts, tensors_of

WEIGHT = 0.7


@pytest.fixture(autouse=True)
def _seed():
    torch.manual_seed(0)


def some_rollouts():
    everything = make_rollouts()
    return Rollouts(**{name: values[:TASKS] for name, values in tensors_of(everything).items()})


def problem(name, steps):
    """The objective with the term, the one without, and all that an oracle needs."""
    estimator, policy, params, adaptation, batch, without = solve_problem(name, steps)
    before = [update.losses.batch for update in adaptation.updates]
    rollouts = some_rollouts()
    losses = TaskLosses(policy, Surrogate(policy.distribution), batch)
    explored = exploration_losses(policy, before, rollouts, WEIGHT)
    return policy, params, adaptation, rollouts, MetaObjective(estimator, adaptation, losses, explored), without


def credits(rollouts):
    """Mean reward of each task, as a standard score among all transitions; task by task, by indices."""
    chosen = [rollouts.rewards[task][rollouts.mask[task] > 0] for task in range(TASKS)]
    everything = torch.cat(chosen)
    return [(part.mean() - everything.mean()) / (everything.std(correction=0) + 1e-8) for part in chosen]


def term(policy, params, adaptation, rollouts, step_size=0.3, scales=(1.0, 0.7, 0.4)):
    """Minus credit times mean log-likelihood before each step, as a function of theta through unrolled steps."""
    total = 0.0
    for task, credit in enumerate(credits(rollouts)):
        phi = params
        for update, scale in zip(adaptation.updates, scales, strict=False):
            batch = update.losses.batch.tasks(slice(task, task + 1))
            mean, log_std = policy(phi, batch.observations[0]).chunk(2, dim=-1)
            log_prob = torch.distributions.Normal(mean, log_std.exp()).log_prob(batch.actions[0]).sum(dim=-1)
            total = total - WEIGHT * credit * (batch.weights[0] * log_prob).sum()
            one = update.losses.tasks(slice(task, task + 1))
            (gradient,) = torch.autograd.grad(one(phi[None])[0], phi, create_graph=True)
            phi = phi - scale * step_size * gradient
    return total / TASKS


def test_rewards_are_standard_scores_among_all_of_the_meta_batch():
    rollouts = some_rollouts()
    torch.testing.assert_close(adjusted_rewards(rollouts), torch.stack(credits(rollouts)))


@pytest.mark.parametrize("steps", [1, 3])
def test_the_gradient_has_the_term_that_autograd_finds(steps):
    policy, params, adaptation, rollouts, objective, without = problem("maml", steps)
    theta = params.clone().requires_grad_()
    (expected,) = torch.autograd.grad(term(policy, theta, adaptation, rollouts), theta)
    assert expected.norm() > 1e-3
    assert relative_error(objective.gradient() - without.gradient(), expected) < 1e-9


def test_values_have_the_term_at_other_parameters_too():
    policy, params, adaptation, rollouts, objective, without = problem("maml", 2)
    there = params + 0.05 * torch.randn_like(params)
    (value, kl), (plain, plain_kl) = objective.evaluate(there), without.evaluate(there)
    assert kl == plain_kl
    expected = term(policy, there.requires_grad_(), adaptation, rollouts).detach()
    assert value - plain == pytest.approx(float(expected), rel=1e-9)


def test_a_moved_objective_keeps_the_term():
    policy, params, adaptation, rollouts, objective, without = problem("maml", 1)
    there, loss = params + 0.05, Surrogate(policy.distribution)
    theta = there.clone().requires_grad_()
    (expected,) = torch.autograd.grad(term(policy, theta, adaptation, rollouts), theta)
    moved = objective.moved(there, loss).gradient() - without.moved(there, loss).gradient()
    assert relative_error(moved, expected) < 1e-8


def test_the_learner_takes_it_of_the_episodes_after_adaptation():
    config = load_config("navigation2d", [*TINY[1:], "--config=e_maml"])
    learner, plain = MetaLearner(config), MetaLearner(replace(config, exploration_weight=0.0))
    adapted = learner.collect()
    before, after = (processed.batch for processed in adapted.processed)
    losses = exploration_losses(learner.policy, [before], adapted.rollouts[1])
    expected = plain.objective(adapted).gradient()
    for each in losses:
        theta = learner.params.expand(len(after), -1).clone().requires_grad_()
        (gradients,) = torch.autograd.grad(each(theta).mean(), theta)
        expected = expected + gradients.sum(dim=0)
    torch.testing.assert_close(learner.objective(adapted).gradient(), expected, rtol=1e-4, atol=1e-6)
