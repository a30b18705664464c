"""Acting with a loaded policy: the environment's range and types, one observation or many, Stable-Baselines3."""

import numpy as np
import pytest
import torch
from deployed import METHODS, NORMALIZER, load_method, make_single
from gymnasium.spaces import Box, Discrete, MultiBinary, MultiDiscrete
from stable_baselines3.common.evaluation import evaluate_policy
from stable_baselines3.common.monitor import Monitor

from mamlrl.deployment.acting import Acting
from mamlrl.deployment.interface import Interface
from mamlrl.errors import LearningError, UserError
from mamlrl.sampling.actions import ActionScaling

OBSERVATIONS = np.random.default_rng(0).uniform(-1, 1, (7, 2))


@pytest.fixture
def policy(tmp_path):
    return load_method("tanh", tmp_path)


def expected(policy, observations):
    """The means, scaled and clipped, or the largest logits, in double precision."""
    network, params = policy.network, policy.params.double()
    seen = torch.from_numpy(np.asarray(observations))
    if policy.experiment.sampling.normalize_observations:
        seen = (seen - NORMALIZER.mean) / (NORMALIZER.squares / 9).sqrt()
    outputs = network(params, seen).numpy()
    space = policy.action_space
    if isinstance(space, Discrete):
        return outputs.argmax(axis=-1) + space.start
    if isinstance(space, MultiDiscrete):
        parts = np.split(outputs, np.cumsum(space.nvec)[:-1], axis=-1)
        return np.stack([part.argmax(axis=-1) for part in parts], axis=-1).reshape(-1, *space.shape) + space.start
    if isinstance(space, MultiBinary):
        return outputs > 0
    mean = outputs[..., : np.prod(space.shape)].reshape(-1, *space.shape)
    sampling = policy.experiment.sampling
    if sampling.rescale_actions:
        bounded = np.isfinite(space.low) & np.isfinite(space.high)
        low, high = np.where(bounded, space.low, -1), np.where(bounded, space.high, 1)
        mean = (high + low) / 2 + mean / sampling.action_bound * (high - low) / 2
    return np.clip(mean, space.low, space.high)


@pytest.mark.parametrize("method", METHODS)
def test_the_most_likely_action_is_the_mean_in_the_range_of_the_action_space(method, tmp_path):
    policy = load_method(method, tmp_path)
    actions = policy(OBSERVATIONS)
    np.testing.assert_allclose(actions, expected(policy, OBSERVATIONS), atol=1e-6)
    assert not isinstance(policy.action_space, Box) or len(np.unique(actions)) > 7
    assert actions.dtype == policy.action_space.dtype
    single = policy(OBSERVATIONS[0].tolist())
    assert policy.action_space.contains(single)
    np.testing.assert_allclose(single, actions[0], atol=1e-6)
    many = policy(np.stack([OBSERVATIONS, OBSERVATIONS]))
    np.testing.assert_allclose(many[1], actions, atol=1e-6)


def test_actions_are_clipped_to_bounds_that_need_not_be_symmetric(policy):
    space = Box(np.array([0, -3], np.float32), np.array([4, -2], np.float32))
    interface = Interface({}, policy.observation_space, space, ActionScaling.of(space, 2.0))
    acting = Acting(policy.network, policy.params, interface)
    raw = torch.tensor([[-2.0, 2.0], [0.0, 0.0], [5.0, -5.0], [1.0, -1.0]])
    np.testing.assert_allclose(acting.to_env(raw), [[0, -2], [2, -2.5], [4, -3], [3, -2.75]])
    torch.testing.assert_close(acting.to_policy(acting.to_env(raw[[1, 3]])), raw[[1, 3]])


@pytest.mark.parametrize("method", ["maml", "discrete"])
def test_drawn_actions_have_the_distribution_of_the_policy(method, tmp_path):
    policy = load_method(method, tmp_path)
    many = np.tile(OBSERVATIONS[0] / 10, (20000, 1))
    actions = policy(many, deterministic=False)
    outputs = policy.network(policy.params, torch.from_numpy(many[0].astype(np.float32)))
    if method == "discrete":
        shares = np.bincount(actions, minlength=3) / len(actions)
        np.testing.assert_allclose(shares, outputs.softmax(dim=-1), atol=0.02)
    else:
        mean, log_std = outputs.numpy().reshape(2, 2)
        raw = mean + np.exp(log_std) * np.random.default_rng(0).standard_normal((20000, 2))
        clipped = np.clip(0.1 * raw, -0.1, 0.1)
        np.testing.assert_allclose(actions.mean(axis=0), clipped.mean(axis=0), atol=0.003)
        np.testing.assert_allclose(actions.std(axis=0), clipped.std(axis=0), atol=0.003)


def test_predict_has_the_convention_of_stable_baselines3(policy):
    state = object()
    actions, after = policy.predict(OBSERVATIONS, state=state, episode_start=np.ones(7), deterministic=True)
    assert after is state
    np.testing.assert_array_equal(actions, policy(OBSERVATIONS))
    assert not np.array_equal(policy.predict(OBSERVATIONS)[0], actions)  # as there, not deterministic by default


@pytest.mark.parametrize("method", ["maml", "discrete"])
def test_stable_baselines3_evaluates_it(method, tmp_path):
    policy = load_method(method, tmp_path)
    env = make_single(policy)
    returns, lengths = evaluate_policy(policy, Monitor(env), 3, return_episode_rewards=True)
    env.reset(seed=None)
    for total, length in zip(returns, lengths, strict=True):
        observation, earned = env.reset()[0], 0.0
        for _ in range(length):
            observation, reward, *_ = env.step(policy(observation))
            earned += reward
        assert total == pytest.approx(earned, abs=1e-4)  # everything about these tasks is deterministic


@pytest.mark.parametrize(
    ("observation", "words"),
    [
        ([0.0, 0.0, 0.0], r"observation: must be numbers of shape \(\.\.\., 2\), got shape \(3,\)"),
        (0.0, r"got shape \(\)"),
        ([0.0, np.nan], "not finite"),
        ([0.0, 1e39], "not finite"),
        ([[0.0], [0.0, 1.0]], "got lists of several lengths"),
        (["a", "b"], "got <U1"),
        (None, "got a NoneType"),
    ],
)
def test_observations_that_no_policy_can_take(policy, observation, words):
    with pytest.raises(UserError, match=words):
        policy(observation)


def test_an_action_that_is_not_finite_is_never_given(policy):
    policy.params.fill_(1e38)
    with pytest.raises(LearningError, match="an action of the policy is not finite"):
        policy([1.0, -1.0])
