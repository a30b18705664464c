import gymnasium
import numpy as np
import pytest

ENV_ID = "mamlrl/TabularMDP-v0"


def make_env(num_envs, **kwargs):
    env = gymnasium.make_vec(ENV_ID, num_envs=num_envs, **kwargs)
    env.reset(seed=0)
    return env


def task(transitions, means):
    return np.concatenate([transitions, np.asarray(means)[..., None]], axis=-1).reshape(1, -1)


def test_sizes_are_those_of_the_paper_by_default():
    env = make_env(2)
    assert (env.states, env.actions, env.horizon) == (10, 5, 10)
    assert env.task_space.shape == (550,)


def test_episodes_start_in_state_0_and_observe_one_hot_vectors():
    env = make_env(50)
    observations = env.reset(seed=0)[0]
    np.testing.assert_array_equal(observations, np.tile(np.eye(10)[0], (50, 1)))
    observations, *_ = env.step(np.zeros(50, dtype=int))
    np.testing.assert_array_equal(np.sort(observations, axis=1)[:, -2:], np.tile([0, 1], (50, 1)))
    assert len(np.unique(observations.argmax(axis=1))) > 5


def test_certain_transitions_lead_where_the_table_says():
    rng = np.random.default_rng(0)
    following = rng.integers(4, size=(4, 3))
    env = make_env(6, states=4, actions=3)
    env.set_tasks(task(np.eye(4)[following], np.zeros((4, 3))))
    env.reset(seed=0)
    states = np.zeros(6, dtype=int)
    for _ in range(10):
        actions = rng.integers(3, size=6)
        states = following[states, actions]
        observations, *_ = env.step(actions)
        np.testing.assert_array_equal(observations, np.eye(4)[states])


def test_transitions_are_as_frequent_as_their_probabilities():
    probabilities = np.array([0.05, 0.25, 0.7])
    env = make_env(10_000, states=3, actions=2, horizon=1)
    env.set_tasks(task(np.broadcast_to(probabilities, (3, 2, 3)), np.zeros((3, 2))))
    env.reset(seed=1)
    observations, *_ = env.step(np.ones(10_000, dtype=int))
    error = np.sqrt(probabilities * (1 - probabilities) / 10_000)
    assert (abs(observations.mean(axis=0) - probabilities) < 4 * error).all()


def test_rewards_are_normal_around_the_mean_of_state_and_action():
    means = np.array([[5.0, -3.0], [0.0, 100.0]])
    env = make_env(20_000, states=2, actions=2, horizon=2)
    env.set_tasks(task(np.broadcast_to([0.0, 1.0], (2, 2, 2)), means))
    env.reset(seed=1)
    _, first, *_ = env.step(np.ones(20_000, dtype=int))
    _, second, *_ = env.step(np.ones(20_000, dtype=int))
    np.testing.assert_allclose([first.mean(), second.mean()], [-3, 100], atol=4 / np.sqrt(20_000))
    np.testing.assert_allclose([first.std(), second.std()], 1, atol=0.03)
    assert abs(np.corrcoef(first, second)[0, 1]) < 0.03


def test_tasks_are_drawn_from_flat_dirichlet_and_normal_distributions():
    env = make_env(1)
    tasks = env.tables(env.sample_tasks(np.random.default_rng(0), 500))
    assert tasks.shape == (500, 10, 5, 11)
    transitions, means = tasks[..., :-1], tasks[..., -1]
    np.testing.assert_allclose(transitions.sum(axis=-1), 1)
    np.testing.assert_allclose(transitions.mean(axis=(0, 1, 2)), 0.1, atol=0.003)
    # a part of a flat Dirichlet of size n is Beta(1, n - 1): P(x > t) = (1 - t)^(n - 1)
    np.testing.assert_allclose((transitions > 0.2).mean(), 0.8**9, atol=0.003)
    assert (means.mean(), means.std()) == pytest.approx((1, 1), abs=0.02)


def test_probabilities_that_do_not_sum_to_1_are_refused():
    env = make_env(2)
    tasks = env.sample_tasks(np.random.default_rng(0), 2)
    env.tables(tasks)[1, 3, 2, 4] += 0.01
    with pytest.raises(ValueError, match="probabilities of next states must sum to 1"):
        env.set_tasks(tasks)


@pytest.mark.parametrize(("name", "value"), [("states", 0), ("actions", 1), ("states", 1.5)])
def test_sizes_that_make_no_sense_are_refused(name, value):
    with pytest.raises(ValueError, match=f"{name} must be a whole number"):
        gymnasium.make_vec(ENV_ID, num_envs=1, **{name: value})


def test_pictures_mark_the_state():
    env = make_env(1, render_mode="rgb_array", states=4)
    env.set_tasks(task(np.full((4, 5, 4), [0.0, 0.0, 1.0, 0.0]), np.ones((4, 5))))
    env.reset(seed=0)
    (before,) = env.render()
    env.step(np.array([0]))
    (after,) = env.render()
    columns = np.flatnonzero(np.any(before != after, axis=(0, 2))) * 4 // before.shape[1]
    assert set(columns) == {0, 2}
