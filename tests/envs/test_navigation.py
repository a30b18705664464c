import gymnasium
import numpy as np
import pytest

import mamlrl

ENV_ID = "mamlrl/Navigation2D-v0"


def make_env(tasks, **kwargs):
    tasks = np.asarray(tasks, dtype=np.float64)
    env = gymnasium.make_vec(ENV_ID, num_envs=len(tasks), **kwargs)
    env.set_tasks(tasks)
    env.reset(seed=0)
    return env


def random_walk(num_envs, steps, scale=0.2, seed=0):
    return np.random.default_rng(seed).normal(0, scale, (steps, num_envs, 2))


def test_registration_comes_with_importing_the_package():
    assert mamlrl.__version__
    assert ENV_ID in gymnasium.registry


def test_defaults_are_those_of_the_original_code():
    env = gymnasium.make_vec(ENV_ID, num_envs=1)
    assert (env.horizon, env.goal_range, env.distance) == (100, 0.5, "euclidean")
    np.testing.assert_array_equal(env.single_action_space.low, [-0.1, -0.1])
    np.testing.assert_array_equal(env.single_action_space.high, [0.1, 0.1])
    np.testing.assert_array_equal(env.task_space.low, [-0.5, -0.5])
    np.testing.assert_array_equal(env.task_space.high, [0.5, 0.5])


def test_episodes_start_at_the_origin():
    env = make_env([[0.3, 0.2], [-0.1, 0.4]])
    env.step(random_walk(2, 1)[0])
    observations, _ = env.reset(seed=1)
    np.testing.assert_array_equal(observations, np.zeros((2, 2)))


def test_position_is_the_sum_of_clipped_actions():
    env = make_env(np.full((4, 2), 0.5))
    actions = random_walk(4, 30)
    assert (np.abs(actions) > 0.1).any()
    observations = [env.step(action)[0] for action in actions]
    np.testing.assert_allclose(observations, np.clip(actions, -0.1, 0.1).cumsum(axis=0), rtol=0, atol=1e-12)


@pytest.mark.parametrize("action", [[7, -7], [np.inf, -np.inf]])
def test_large_actions_move_a_tenth_along_each_axis(action):
    env = make_env([[0.5, 0.5]])
    observations, *_ = env.step(np.array([action]))
    np.testing.assert_array_equal(observations, [[0.1, -0.1]])


@pytest.mark.parametrize(
    ("distance", "cost"),
    [
        ("euclidean", lambda offsets: np.linalg.norm(offsets, axis=-1)),
        ("squared", lambda offsets: np.linalg.norm(offsets, axis=-1) ** 2),
    ],
)
def test_reward_is_minus_the_distance_after_the_step(distance, cost):
    goals = np.random.default_rng(1).uniform(-0.5, 0.5, (5, 2))
    env = make_env(goals, distance=distance)
    actions = random_walk(5, 20)
    rewards = np.array([env.step(action)[1] for action in actions])
    positions = np.clip(actions, -0.1, 0.1).cumsum(axis=0)
    np.testing.assert_allclose(rewards, -cost(positions - goals), rtol=0, atol=1e-12)


@pytest.mark.parametrize(
    ("offset", "ends"),
    [
        ((0.0, 0.0), True),
        ((0.0099, -0.0099), True),
        ((-0.0099, 0.0099), True),
        ((0.0101, 0.0), False),
        ((0.0, -0.0101), False),
        ((0.0101, 0.0101), False),
        ((-0.0101, 0.0099), False),
    ],
)
def test_episode_terminates_only_when_both_coordinates_are_within_a_hundredth(offset, ends):
    goal = np.array([0.05, -0.03])
    env = make_env([goal])
    _, _, terminated, truncated, _ = env.step(goal[None] + offset)
    assert terminated[0] == ends
    assert not truncated[0]


def test_exactly_a_hundredth_away_is_not_there_yet():
    env = make_env([[0.01, 0.0]])
    *_, terminated, _, _ = env.step(np.zeros((1, 2)))
    assert not terminated[0]


def test_the_step_that_arrives_is_rewarded_and_the_last():
    env = make_env([[0.1, 0.0], [0.3, 0.0]], horizon=5)
    move = np.array([[0.095, 0.0], [0.095, 0.0]])
    _, rewards, terminated, _, _ = env.step(move)
    np.testing.assert_allclose(rewards, [-0.005, -0.205])
    np.testing.assert_array_equal(terminated, [True, False])
    observations, rewards, terminated, truncated, _ = env.step(move)
    np.testing.assert_allclose(observations, [[0.095, 0.0], [0.19, 0.0]])
    np.testing.assert_allclose(rewards, [0.0, -0.11])
    np.testing.assert_array_equal(terminated, [True, False])
    assert not truncated.any()


def test_a_reset_after_arriving_starts_afresh():
    env = make_env([[0.1, 0.0], [0.1, 0.0]])
    move = np.array([[0.1, 0.0], [0.1, 0.0]])
    assert env.step(move)[2].all()
    observations, _ = env.reset(options={"reset_mask": np.array([True, False])})
    np.testing.assert_array_equal(observations, [[0.0, 0.0], [0.1, 0.0]])
    _, rewards, terminated, _, _ = env.step(move / 2)
    np.testing.assert_allclose(rewards, [-0.05, 0.0])
    np.testing.assert_array_equal(terminated, [False, True])
    env.reset()
    assert not env.step(move / 2)[2].any()


def test_arriving_early_is_no_truncation_even_when_the_horizon_passes():
    env = make_env([[0.1, 0.0], [0.5, 0.0]], horizon=3)
    for _ in range(5):
        _, _, terminated, truncated, _ = env.step(np.array([[0.1, 0.0], [0.0, 0.0]]))
    np.testing.assert_array_equal(terminated, [True, False])
    np.testing.assert_array_equal(truncated, [False, True])


def test_all_flags_equal_the_formula_along_random_walks():
    goals = np.random.default_rng(1).uniform(-0.05, 0.05, (50, 2))
    env = make_env(goals, goal_range=0.05, horizon=40)
    actions = random_walk(50, 40, scale=0.02)
    steps = [env.step(action)[:4] for action in actions]
    _, _, terminated, truncated = (np.array(parts) for parts in zip(*steps, strict=True))
    positions = np.clip(actions, -0.1, 0.1).cumsum(axis=0)
    arrived = np.logical_or.accumulate((np.abs(positions - goals) < 0.01).all(axis=2), axis=0)
    assert 5 < arrived[-1].sum() < 45
    np.testing.assert_array_equal(terminated, arrived)
    np.testing.assert_array_equal(truncated[-1], ~arrived[-2])
    assert not truncated[:-1].any()


def test_truncation_comes_at_the_horizon():
    env = make_env([[0.5, 0.5]], horizon=7)
    truncated = [bool(env.step(np.zeros((1, 2)))[3][0]) for _ in range(7)]
    assert truncated == [False] * 6 + [True]


@pytest.mark.parametrize("horizon", [1, 10, 20, 100, 200])
def test_the_farthest_position_lies_in_the_observation_space(horizon):
    env = make_env([[0.5, 0.5], [-0.5, -0.5]], horizon=horizon)
    direction = np.array([[-1.0, 1.0], [1.0, -1.0]])
    for _ in range(horizon):
        observations, *_ = env.step(direction)
        assert env.observation_space.contains(observations)
    assert np.abs(observations).min() == pytest.approx(0.1 * horizon)


def test_mean_return_of_standing_still_fits_table_4():
    goals = gymnasium.make_vec(ENV_ID, num_envs=1).sample_tasks(np.random.default_rng(0), 2000)
    env = make_env(goals)
    returns = sum(env.step(np.zeros((2000, 2)))[1] for _ in range(100))
    # the mean distance to the centre of a unit square, (sqrt 2 + asinh 1) / 6 = 0.383
    assert returns.mean() == pytest.approx(-100 * (np.sqrt(2) + np.arcsinh(1)) / 6, rel=0.02)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("goal_range", 0.0),
        ("goal_range", -1.0),
        ("goal_range", np.inf),
        ("goal_range", np.nan),
        ("distance", "manhattan"),
        ("horizon", 0),
        ("horizon", -5),
        ("horizon", 2.5),
        ("num_envs", 0),
        ("render_mode", "hologram"),
    ],
)
def test_unusable_arguments_are_refused_by_name(name, value):
    make = type(gymnasium.make_vec(ENV_ID, num_envs=1))
    with pytest.raises(ValueError, match=f"^{name} must"):
        make(**{name: value})


def test_info_tells_the_distance_to_the_goal_and_whether_it_is_reached():
    env = make_env([[0.1, 0.1], [0.5, 0.0]])
    for step, success in enumerate([True, True, True], 1):
        *_, info = env.step(np.array([[0.1, 0.1], [0.1, 0.0]]))
        np.testing.assert_allclose(info["goal_distance"], [0.0, 0.5 - 0.1 * step], atol=1e-12)
        assert info["success"].tolist() == [success, False]
