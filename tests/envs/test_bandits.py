import gymnasium
import numpy as np
import pytest

ENV_ID = "mamlrl/Bandit-v0"


def make_env(tasks, **kwargs):
    tasks = np.asarray(tasks, dtype=np.float64)
    env = gymnasium.make_vec(ENV_ID, num_envs=len(tasks), arms=tasks.shape[1], **kwargs)
    env.set_tasks(tasks)
    env.reset(seed=0)
    return env


def test_an_episode_is_one_pull_of_five_arms_by_default():
    env = gymnasium.make_vec(ENV_ID, num_envs=3)
    assert (env.horizon, env.arms, env.single_action_space.n) == (1, 5, 5)
    observations, _ = env.reset(seed=0)
    np.testing.assert_array_equal(observations, np.ones((3, 1)))
    _, _, terminated, truncated, _ = env.step(np.zeros(3, dtype=int))
    assert truncated.all()
    assert not terminated.any()


def test_sure_arms_pay_always_or_never():
    env = make_env([[1.0, 0.0, 1.0], [0.0, 1.0, 0.0]], horizon=20)
    rng = np.random.default_rng(0)
    for _ in range(20):
        actions = rng.integers(3, size=2)
        _, rewards, *_ = env.step(actions)
        np.testing.assert_array_equal(rewards, env.tasks[[0, 1], actions])


def test_an_arm_pays_1_as_often_as_its_probability_says():
    probabilities = np.array([0.1, 0.5, 0.8])
    env = make_env(np.tile(probabilities, (3000, 1)))
    actions = np.repeat([0, 1, 2], 1000)
    _, rewards, *_ = env.step(actions)
    assert set(rewards) == {0.0, 1.0}
    error = np.sqrt(probabilities * (1 - probabilities) / 1000)
    assert (abs(rewards.reshape(3, 1000).mean(axis=1) - probabilities) < 4 * error).all()


def test_probabilities_of_arms_are_uniform_and_independent():
    env = gymnasium.make_vec(ENV_ID, num_envs=1, arms=3)
    tasks = env.sample_tasks(np.random.default_rng(0), 20_000)
    counts = [np.histogram(arm, bins=10, range=(0, 1))[0] for arm in tasks.T]
    assert (abs(np.array(counts) - 2000) < 5 * np.sqrt(2000 * 0.9)).all()
    np.testing.assert_allclose(np.corrcoef(tasks.T), np.eye(3), atol=0.03)


@pytest.mark.parametrize("action", [-1, 5, 0.5])
def test_arms_that_do_not_exist_are_refused(action):
    env = gymnasium.make_vec(ENV_ID, num_envs=2)
    env.reset(seed=0)
    with pytest.raises(ValueError, match="actions must be whole numbers from 0 to 4"):
        env.step(np.array([0, action]))


def test_actions_of_episodes_that_are_over_are_ignored():
    env = gymnasium.make_vec(ENV_ID, num_envs=2)
    env.reset(seed=0)
    env.step(np.array([0, 0]))
    _, rewards, *_ = env.step(np.array([7, -3]))
    np.testing.assert_array_equal(rewards, [0, 0])


@pytest.mark.parametrize(("arms", "message"), [(1, "at least 2"), (2.5, "whole number"), (True, "whole number")])
def test_numbers_of_arms_that_make_no_sense_are_refused(arms, message):
    with pytest.raises(ValueError, match=f"arms must be a whole number of.*{message}|arms.*{message}"):
        gymnasium.make_vec(ENV_ID, num_envs=1, arms=arms)


def test_pictures_show_the_arm_that_was_pulled_as_high_as_its_probability():
    env = make_env([[1.0, 0.5]], render_mode="rgb_array")
    (before,) = env.render()
    env.step(np.array([1]))
    (after,) = env.render()
    changed = np.any(before != after, axis=-1)
    width = changed.shape[1]
    assert not changed[:, : width // 2].any()
    assert changed[:, 3 * width // 4].mean() == pytest.approx(0.95 / 2, abs=0.02)
