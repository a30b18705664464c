"""Every registered id draws its tasks from the distribution that its documentation states."""

from itertools import combinations

import gymnasium
import numpy as np
import pytest
from env_cases import FAMILIES, IDS
from scipy import stats

from mamlrl.envs import NAMESPACE

SIGNIFICANCE = 0.005
NAMES = [name.removeprefix(f"{NAMESPACE}/").removesuffix("-v0") for name in IDS]


def independent(tasks):
    for one, other in combinations(tasks.T, 2):
        assert stats.spearmanr(one, other).pvalue > SIGNIFICANCE


def uniform(low, high, dimensions):
    def check(tasks):
        assert tasks.shape[1:] == (dimensions,)
        for column in tasks.T:
            assert stats.kstest(column, stats.uniform(low, high - low).cdf).pvalue > SIGNIFICANCE
        independent(tasks)

    return check


def log_uniform(low, high, dimensions):
    def check(tasks):
        uniform(np.log(low), np.log(high), dimensions)(np.log(tasks))

    return check


def signs(tasks):
    assert tasks.shape[1:] == (1,)
    assert set(tasks[:, 0]) == {-1.0, 1.0}
    assert stats.binomtest(int((tasks > 0).sum()), len(tasks)).pvalue > SIGNIFICANCE


def unit_circle(tasks):
    assert tasks.shape[1:] == (2,)
    np.testing.assert_allclose(np.linalg.norm(tasks, axis=1), 1, atol=1e-12)
    angles = np.arctan2(tasks[:, 1], tasks[:, 0])
    assert stats.kstest(angles, stats.uniform(-np.pi, 2 * np.pi).cdf).pvalue > SIGNIFICANCE


def one_limb_at_zero(limbs, joints):
    def check(tasks):
        strengths = tasks.reshape(-1, limbs, joints)
        assert set(strengths.ravel()) == {0.0, 1.0}
        crippled = (strengths == 0).all(axis=2)
        assert (crippled.sum(axis=1) == 1).all()
        assert (strengths[~crippled] == 1).all()
        assert stats.chisquare(crippled.sum(axis=0)).pvalue > SIGNIFICANCE

    return check


def random_tables(states, actions):
    def check(tasks):
        tables = tasks.reshape(len(tasks), states, actions, states + 1)
        np.testing.assert_allclose(tables[..., :-1].sum(axis=-1), 1)
        for state, action in ((0, 0), (states - 1, actions - 1)):
            parts = tables[:, state, action]
            for part in parts.T[:-1]:  # of a flat Dirichlet distribution
                assert stats.kstest(part, stats.beta(1, states - 1).cdf).pvalue > SIGNIFICANCE / 2
            assert stats.kstest(parts[:, -1], stats.norm(1, 1).cdf).pvalue > SIGNIFICANCE
        independent(tables[:, [0, 0, 1], [0, 1, 0], -1])

    return check


STATED = {
    "Navigation2D": uniform(-0.5, 0.5, 2),
    "Bandit": uniform(0, 1, 5),
    "TabularMDP": random_tables(10, 5),
    "HalfCheetahVelocity": uniform(0, 2, 1),
    "HalfCheetahDirection": signs,
    "HalfCheetahParameters": log_uniform(1 / 2, 2, 4),
    "HalfCheetahCrippled": one_limb_at_zero(6, 1),
    "AntVelocity": uniform(0, 3, 1),
    "AntDirection": signs,
    "AntRandomDirection": unit_circle,
    "AntGoal": uniform(-3, 3, 2),
    "AntParameters": log_uniform(1 / 2, 2, 4),
    "AntCrippled": one_limb_at_zero(4, 2),
}
STATED_WITH_KWARGS = [
    ("Navigation2D", {"goal_range": 2.0}, uniform(-2, 2, 2)),
    ("HalfCheetahVelocity", {"velocity_range": [0, 3]}, uniform(0, 3, 1)),
    ("HalfCheetahParameters", {"max_factor": 1.5}, log_uniform(1 / 1.5, 1.5, 4)),
    ("AntVelocity", {"velocity_range": (-1.0, 1.0)}, uniform(-1, 1, 1)),
    ("AntGoal", {"goal_range": 0.7}, uniform(-0.7, 0.7, 2)),
    ("AntParameters", {"max_factor": 3.0}, log_uniform(1 / 3, 3, 4)),
]


def make(name, num_envs=1, **kwargs):
    return gymnasium.make_vec(f"{NAMESPACE}/{name}-v0", num_envs=num_envs, **kwargs)


@pytest.mark.parametrize("name", NAMES)
def test_sampled_tasks_follow_the_stated_distribution(name):
    assert name in STATED, f"state here how tasks of {name} are distributed"
    STATED[name](make(name).sample_tasks(np.random.default_rng(0), 20_000))


@pytest.mark.parametrize("name", NAMES)
def test_test_tasks_are_drawn_like_training_tasks(name):
    env, rng, twin = make(name), np.random.default_rng(0), np.random.default_rng(0)
    np.testing.assert_array_equal(env.sample_test_tasks(rng, 100), env.sample_tasks(twin, 100))
    assert rng.random() == twin.random()


@pytest.mark.parametrize(("name", "kwargs", "check"), STATED_WITH_KWARGS)
def test_arguments_change_the_distribution_as_stated(name, kwargs, check):
    check(make(name, **kwargs).sample_tasks(np.random.default_rng(0), 20_000))


@pytest.mark.parametrize("name", NAMES)
def test_tasks_that_resets_draw_follow_the_same_distribution(name):
    env = make(name, 500)
    drawn = []
    for seed in range(4):
        env.reset(seed=seed)
        drawn.append(env.tasks.copy())
    STATED[name](np.concatenate(drawn))


@pytest.mark.parametrize("family", ["rllab", "gymnasium"])
@pytest.mark.parametrize("name", sorted({case.short_name for case in FAMILIES if "family" in case.kwargs}))
def test_the_family_does_not_change_the_tasks(name, family):
    """The papers' ranges differ; a family has the same default."""
    tasks = make(name, family=family).sample_tasks(np.random.default_rng(0), 100)
    np.testing.assert_array_equal(tasks, make(name).sample_tasks(np.random.default_rng(0), 100))
