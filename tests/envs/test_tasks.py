import numpy as np
import pytest
from scipy import stats

from mamlrl.envs.ant import AntVectorEnv
from mamlrl.envs.locomotion.task_distribution import Motion
from mamlrl.envs.locomotion.tasks import Direction, Goal, UnitVectors, Velocity


def draw(task, number=20_000):
    return task.sample(np.random.default_rng(0), number)


def random_motion(dimensions, number=50):
    rng = np.random.default_rng(1)
    return Motion(rng.normal(size=(number, dimensions)), rng.normal(size=(number, dimensions)))


@pytest.mark.parametrize("bounds", [(0.0, 2.0), (-1.0, 3.0)])
def test_goal_velocities_are_uniform(bounds):
    low, high = bounds
    assert stats.kstest(draw(Velocity(bounds))[:, 0], stats.uniform(low, high - low).cdf).pvalue > 0.01


def test_forward_and_backward_are_equally_likely():
    directions = draw(Direction(1))
    assert directions.shape == (20_000, 1)
    assert set(directions[:, 0]) == {-1.0, 1.0}
    assert stats.binomtest(int((directions > 0).sum()), 20_000).pvalue > 0.01


def test_directions_in_the_plane_are_uniform_on_the_circle():
    directions = draw(Direction(2))
    np.testing.assert_allclose(np.linalg.norm(directions, axis=1), 1.0, atol=1e-12)
    angles = np.arctan2(directions[:, 1], directions[:, 0])
    assert stats.kstest(angles, stats.uniform(-np.pi, 2 * np.pi).cdf).pvalue > 0.01


def test_goals_are_uniform_on_the_square():
    goals = draw(Goal(3.0))
    for axis in range(2):
        assert stats.kstest(goals[:, axis], stats.uniform(-3, 6).cdf).pvalue > 0.01
    assert stats.spearmanr(goals).pvalue > 0.01


@pytest.mark.parametrize("dimensions", [1, 2])
def test_velocity_is_judged_along_x(dimensions):
    motion, tasks = random_motion(dimensions), draw(Velocity((0.0, 2.0)), 50)
    expected = [1.0 - abs(v[0] - g[0]) for v, g in zip(motion.velocity, tasks, strict=True)]
    np.testing.assert_allclose(Velocity((0.0, 2.0), bonus=1.0).reward(motion, tasks), expected, atol=1e-15)


@pytest.mark.parametrize(("dimensions", "space"), [(1, 1), (1, 2), (2, 2)])
def test_direction_rewards_the_velocity_along_it(dimensions, space):
    motion, tasks = random_motion(space), draw(Direction(dimensions), 50)
    expected = [np.dot(v[:dimensions], u) for v, u in zip(motion.velocity, tasks, strict=True)]
    np.testing.assert_allclose(Direction(dimensions).reward(motion, tasks), expected, atol=1e-15)


def test_goal_costs_the_sum_of_the_distances_along_the_axes():
    motion, tasks = random_motion(2), draw(Goal(3.0), 50)
    expected = [4 - abs(p[0] - g[0]) - abs(p[1] - g[1]) for p, g in zip(motion.position, tasks, strict=True)]
    np.testing.assert_allclose(Goal(3.0).reward(motion, tasks), expected, atol=1e-14)


class OtherGoals(Goal):
    """Goals to evaluate on lie outside the square of those to train on."""

    def __init__(self):
        super().__init__(3.0)

    def sample(self, rng, num_tasks):
        return rng.uniform(-1, 1, (num_tasks, 2))

    def sample_test(self, rng, num_tasks):
        return rng.uniform(1, 3, (num_tasks, 2))


def test_tasks_to_evaluate_on_can_have_a_distribution_of_their_own():
    env, rng = AntVectorEnv(task=OtherGoals()), np.random.default_rng(0)
    assert (np.abs(env.sample_tasks(rng, 50)) <= 1).all()
    assert (env.sample_test_tasks(rng, 50) >= 1).all()
    env.reset(seed=0)
    assert (np.abs(env.tasks) <= 1).all()


@pytest.mark.parametrize(
    "task", [Goal(3.0), Direction(2), Velocity((0.0, 2.0))], ids=lambda task: type(task).__name__
)
def test_by_default_they_are_drawn_like_those_to_train_on(task):
    rng, twin = np.random.default_rng(0), np.random.default_rng(0)
    np.testing.assert_array_equal(task.sample_test(rng, 50), task.sample(twin, 50))
    assert rng.random() == twin.random()


@pytest.mark.parametrize(
    ("vector", "belongs"),
    [([1.0], True), ([-1.0], True), ([0.5], False), ([0.0], False), ([np.nan], False), ([1.0, 0.0], False)],
)
def test_unit_vectors_on_the_line_are_plus_and_minus_one(vector, belongs):
    assert UnitVectors(1).contains(np.array(vector)) == belongs


def test_unit_vectors_of_the_plane_have_length_one():
    space = UnitVectors(2)
    assert space.contains(np.array([0.6, -0.8]))
    assert not space.contains(np.array([0.6, 0.6]))
    assert space.contains(space.sample())
    assert repr(space) == "UnitVectors(2)"


@pytest.mark.parametrize("bounds", [(1.0, 1.0), (2.0, 0.0), (0.0, np.inf), (np.nan, 1.0), (1.0,), 2.0])
def test_unusable_velocity_ranges_are_refused_by_name(bounds):
    with pytest.raises(ValueError, match=r"^velocity_range must"):
        Velocity(bounds)


@pytest.mark.parametrize("goal_range", [0.0, -1.0, np.inf, np.nan])
def test_unusable_goal_ranges_are_refused_by_name(goal_range):
    with pytest.raises(ValueError, match=r"^goal_range must"):
        Goal(goal_range)
