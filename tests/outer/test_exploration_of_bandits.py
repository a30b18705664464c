"""E-MAML's gradient is that of the expected return after adaptation: of a bandit, over all its episodes."""

import itertools

import torch
from problems import relative_error

from mamlrl.adaptation.build import AdaptationConfig, make_estimator
from mamlrl.losses.batches import Batch
from mamlrl.losses.policy_losses import Reinforce, Surrogate
from mamlrl.losses.task_losses import TaskLosses
from mamlrl.networks.categorical import Categorical
from mamlrl.networks.mlp import MlpPolicy
from mamlrl.outer.exploration import exploration_losses
from mamlrl.outer.objective import MetaObjective
from mamlrl.sampling.rollouts import Rollouts

REWARDS = torch.tensor([1.0, 0.2, -0.7], dtype=torch.float64)  # of the arms
ARMS, PULLS, STEP_SIZE = 3, 2, 1.5
POLICY = MlpPolicy(1, Categorical(ARMS), (), "tanh")
THETA = torch.zeros(POLICY.num_parameters, dtype=torch.float64)  # at which all pulls are equally likely
PULLED = torch.tensor(list(itertools.product(range(ARMS), repeat=PULLS)))


def log_probabilities(params):
    return torch.log_softmax(POLICY(params, torch.ones(1, 1, dtype=torch.float64))[0], dim=-1)


def adapted_return(theta, pulls):
    """Expected reward after a step of REINFORCE on the pulls."""
    loss = -(log_probabilities(theta)[pulls] * REWARDS[pulls]).mean()
    (gradient,) = torch.autograd.grad(loss, theta, create_graph=True)
    return log_probabilities(theta - STEP_SIZE * gradient).exp() @ REWARDS


def expected_return():
    """The gradient of the expected return after adaptation, over all pulls that there may be before it."""
    theta = THETA.clone().requires_grad_()
    chances = [log_probabilities(theta)[pulls].sum().exp() for pulls in PULLED]
    total = sum(chance * adapted_return(theta, pulls) for chance, pulls in zip(chances, PULLED, strict=True))
    return torch.autograd.grad(total, theta)[0]


def batch(actions, outputs, weights):
    """Pulls of every task, the advantage being the reward."""
    tasks, samples = actions.shape
    observations = torch.ones(tasks, samples, 1, dtype=torch.float64)
    rewards = REWARDS[actions]
    return Batch(observations, weights, actions=actions, advantages=rewards, outputs=outputs)


def objective(explores):
    """The meta-objective with a task for all pulls that there may be, equally likely, and all arms after them."""
    tasks = len(PULLED)
    pulls = torch.full((tasks, PULLS), 1 / PULLS, dtype=torch.float64)
    before = batch(PULLED, THETA.new_zeros(tasks, PULLS, ARMS), pulls)
    estimator = make_estimator(AdaptationConfig(step_size=STEP_SIZE), POLICY)
    inner = TaskLosses(POLICY, Reinforce(POLICY.distribution), before)
    adaptation = estimator.adapt(THETA, tasks, lambda step, _: inner)
    outputs = POLICY(adaptation.phi, torch.ones(tasks, ARMS, 1, dtype=torch.float64))
    chances = outputs[:, 0].softmax(dim=-1)
    after = batch(torch.arange(ARMS).expand(tasks, -1), outputs, chances)
    losses = TaskLosses(POLICY, Surrogate(POLICY.distribution), after)
    rewards = (chances @ REWARDS)[:, None, None]
    nothing, one = torch.zeros(tasks, 1, 1, 1, dtype=torch.float64), torch.ones_like(rewards)
    rollouts = Rollouts(observations=nothing, actions=nothing, rewards=rewards, mask=one, outputs=nothing)
    # rewards are divided by their deviation, and the log-likelihood is a mean over the pulls
    weight = PULLS * float(rewards.std(correction=0))
    explored = exploration_losses(POLICY, [before], rollouts, weight) if explores else ()
    return MetaObjective(estimator, adaptation, losses, explored)


def test_it_is_the_gradient_of_the_expected_return_after_adaptation():
    expected = -expected_return()
    assert expected.norm() > 0.1
    assert relative_error(objective(explores=True).gradient(), expected) < 1e-6  # it adds 1e-8 to the deviation


def test_without_the_term_it_is_not():
    assert relative_error(objective(explores=False).gradient(), -expected_return()) > 0.1
