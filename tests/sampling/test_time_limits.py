"""What follows episodes that a time limit cut off: the value of their last observation."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from fake_envs import FakeEnv
from programs import TINY
from random_rollouts import EPISODES, TASKS, make_rollouts
from samplers import make_sampler, sample

import mamlrl
from mamlrl.errors import UserError
from mamlrl.sampling.advantages import AdvantageConfig, gae, process
from mamlrl.sampling.discounting import discounted_sum
from mamlrl.sampling.rollouts import Rollouts
from mamlrl.sampling.time_limits import bootstrapped_rewards
from mamlrl.sampling.value_baseline import LinearFeatureBaseline, ValueBaseline

DISCOUNT = 0.9
CONFIG = AdvantageConfig(discount=DISCOUNT, standardize=False, bootstrap_at_time_limits=True)


class Exact(ValueBaseline):
    """Knows that every observation has the same value; learns nothing."""

    def __init__(self, value):
        self.value = value

    def fit(self, observations, returns, mask):
        return torch.full_like(returns, self.value)

    def final_values(self, observations, returns, mask, last_observations, weights):
        return torch.full(mask.shape[:2], self.value, dtype=mask.dtype)


def chain(reward, lengths, terminated=None, time=12):
    """Episodes of one task with a constant reward and observations that tell nothing."""
    mask = (torch.arange(time) < torch.tensor(lengths)[:, None]).double()[None]
    ends = torch.tensor([terminated or [False] * len(lengths)])
    zeros = torch.zeros(1, len(lengths), time, 1, dtype=torch.float64)
    return Rollouts(zeros, zeros, reward * mask, mask, zeros, zeros[:, :, 0], ends)


def returns_of(rollouts, baseline, discount=DISCOUNT):
    return discounted_sum(bootstrapped_rewards(rollouts, baseline, discount), discount)


@pytest.mark.parametrize("reward", [2.0, -3.0])
def test_a_constant_reward_for_ever_is_worth_it_divided_by_one_minus_the_discount(reward):
    rollouts, value = chain(reward, [12, 5, 1]), reward / (1 - DISCOUNT)
    returns = returns_of(rollouts, Exact(value))
    running = rollouts.mask > 0
    torch.testing.assert_close(returns[running], torch.full((18,), value, dtype=torch.float64))
    learned = returns_of(rollouts, LinearFeatureBaseline(1e-9))
    torch.testing.assert_close(learned[running], returns[running], rtol=1e-6, atol=0)
    advantages = process(rollouts, CONFIG, Exact(value)).batch.advantages
    torch.testing.assert_close(advantages, torch.zeros_like(advantages), rtol=0, atol=1e-12)


def test_only_what_was_cut_off_goes_on():
    rollouts = chain(1.0, [4, 4], [True, False])
    returns = returns_of(rollouts, Exact(10.0))
    powers = DISCOUNT ** np.arange(4)
    np.testing.assert_allclose(returns[0, 0, :4], [powers[: 4 - t].sum() for t in range(4)])
    np.testing.assert_allclose(returns[0, 1, :4], np.full(4, 10.0))
    assert not returns[..., 4:].any()


def test_the_learned_value_is_that_of_a_markov_chain():
    """Two states with rewards 1 and -2, changed with probability 0.3: V = (I - discount P)^-1 r."""
    rng = np.random.default_rng(0)
    states = np.zeros((40, 101), int)
    for time in range(100):
        states[:, time + 1] = states[:, time] ^ (rng.uniform(size=40) < 0.3)
    rewards = np.array([1.0, -2.0])
    transition = np.array([[0.7, 0.3], [0.3, 0.7]])
    expected = np.linalg.solve(np.eye(2) - DISCOUNT * transition, rewards)
    observations = torch.from_numpy(states)[None, ..., None].double()
    mask = torch.ones(1, 40, 100, dtype=torch.float64)
    rollouts = Rollouts(
        *(observations[:, :, :100], mask[..., None], torch.from_numpy(rewards[states[None, :, :100]]), mask),
        *(mask[..., None], observations[:, :, 100], torch.zeros(1, 40, dtype=torch.bool)),
    )
    added = bootstrapped_rewards(rollouts, LinearFeatureBaseline(), DISCOUNT) - rollouts.rewards
    assert not added[..., :-1].any()
    np.testing.assert_allclose(added[0, :, -1] / DISCOUNT, expected[states[:, 100]], atol=0.35)


def test_learned_values_solve_their_own_equations():
    rollouts = replace(make_rollouts(), terminated=torch.rand(TASKS, EPISODES) < 0.3)
    mask, lengths = rollouts.mask, rollouts.mask.sum(dim=2, keepdim=True)
    weights = DISCOUNT ** (lengths - torch.arange(12)) * mask * ~rollouts.terminated[..., None]
    returns = discounted_sum(rollouts.rewards, DISCOUNT)
    given = rollouts.observations, returns, mask, rollouts.last_observations, weights
    last = LinearFeatureBaseline(1e-3).final_values(*given)
    for task in range(TASKS):
        seen = rollouts.observations[task], rollouts.last_observations[task]
        x, end = (each.clamp(-10, 10).numpy() for each in seen)
        kept = mask[task].numpy() > 0
        phi, phi_end = (np.concatenate([each, each**2, np.ones((*each.shape[:-1], 1))], -1) for each in (x, end))
        rows, targets = phi[kept], (returns[task] + weights[task] * last[task][:, None]).numpy()[kept]
        fit = np.linalg.solve(rows.T @ rows + 1e-3 * np.eye(7), rows.T @ targets)
        np.testing.assert_allclose(phi_end @ fit, last[task], rtol=1e-6, atol=1e-6)


def test_values_stay_within_what_the_rewards_allow():
    rollouts = chain(2.0, [12, 12])
    returns = returns_of(rollouts, Exact(1e9))
    torch.testing.assert_close(returns[..., 0], torch.full((1, 2), 20.0, dtype=torch.float64))
    assert float(returns_of(rollouts, Exact(-1e9))[0, 0, -1]) == 2


@pytest.mark.parametrize("gae_lambda", [0.0, 0.5, 1.0])
def test_advantages_are_those_of_the_rewards_with_the_value_after_the_end(gae_lambda):
    rollouts = replace(make_rollouts(), terminated=torch.rand(TASKS, EPISODES) < 0.5)
    rewards = bootstrapped_rewards(rollouts, LinearFeatureBaseline(), DISCOUNT)
    values = LinearFeatureBaseline().fit(rollouts.observations, discounted_sum(rewards, DISCOUNT), rollouts.mask)
    expected = gae(rewards, values, rollouts.mask, DISCOUNT, gae_lambda)
    config = replace(CONFIG, gae_lambda=gae_lambda)
    batch = process(rollouts, config).batch
    for task in range(TASKS):
        kept = expected[task][rollouts.mask[task] > 0]
        torch.testing.assert_close(batch.advantages[task, : len(kept)], kept)
    without = process(rollouts, replace(config, bootstrap_at_time_limits=False)).batch
    assert not torch.allclose(without.advantages, batch.advantages)


class SometimesDone(FakeEnv):
    """Every other episode reaches its end with the last step before the horizon, or at it."""

    def _advance(self, actions, running):
        rewards, _ = super()._advance(actions, running)
        index = np.arange(self.num_envs)
        return rewards, (index % 2 == 0) & (self._elapsed + 1 == self.horizon - (index > 1))


def test_rollouts_know_how_episodes_ended():
    rollouts = sample(make_sampler(SometimesDone(4, horizon=5), 2))
    assert rollouts.terminated.tolist() == [[True, False], [True, False]]
    assert rollouts.mask.sum(dim=2).tolist() == [[5, 5], [4, 5]]


def test_what_cannot_be_bootstrapped_is_refused():
    rollouts = chain(1.0, [3])
    with pytest.raises(UserError, match=r"advantages.bootstrap_at_time_limits: needs advantages.discount below 1"):
        process(rollouts, replace(CONFIG, discount=1.0))
    with pytest.raises(UserError, match="needs the observation after the last step"):
        process(replace(rollouts, last_observations=None), CONFIG)

    class Other(ValueBaseline):
        def fit(self, observations, returns, mask):
            return torch.zeros_like(returns)

    process(rollouts, replace(CONFIG, bootstrap_at_time_limits=False), Other())
    with pytest.raises(UserError, match="the value baseline Other has no final_values"):
        process(rollouts, CONFIG, Other())


def test_policies_are_trained_and_adapt_to_recorded_episodes(tmp_path):
    options = [*TINY[1:], "--iterations=1", "--advantages.bootstrap_at_time_limits=true"]
    options.append("--sampling.normalize_observations=true")
    mamlrl.train(mamlrl.load_config("navigation2d", options), tmp_path / "run")
    policy = mamlrl.load(tmp_path / "run")
    env = mamlrl.envs.navigation.Navigation2DVectorEnv(num_envs=3, horizon=10)
    env.set_tasks(np.array([[0.3, -0.2]]))
    episodes = policy.collect(env, 3, seed=0)
    expected = policy.adapt(env, episodes=3, seed=0)
    assert torch.equal(policy.adapt(episodes).params, expected.params)
    forgotten = [replace(episode, last_observation=None) for episode in episodes]
    with pytest.raises(UserError, match="needs the observation after the last step of each episode"):
        policy.adapt(forgotten)
    ended = [replace(episode, terminated=True) for episode in forgotten]
    assert not torch.equal(policy.adapt(ended).params, expected.params)
    recorder = policy.recorder(seed=0)
    recorder.act([0.0, 0.0])
    with pytest.raises(UserError, match="observation: has numbers that are not finite"):
        recorder.reward(1.0, truncated=True, last_observation=[0.0, np.nan])
    recorder.reward(1.0, truncated=True, last_observation=[0.5, 0.25])
    assert recorder.episodes[0].last_observation.tolist() == [0.5, 0.25]
