"""Strategies with published scores earn them in our bandits and tabular MDPs."""

import importlib.util
from pathlib import Path

import numpy as np
import pytest

RESULTS = Path(__file__).parents[2] / "docs" / "results"


def load(folder):
    spec = importlib.util.spec_from_file_location(f"{folder}_players", RESULTS / folder / "players.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


bandits, mdps = load("bandits"), load("mdps")


def assert_published(scores, published, decimals):
    """Within three standard errors of both samples, and the rounding of the published number."""
    error = scores.std() * np.sqrt(1 / len(scores) + 1 / 1000)  # which was the mean of 1000 instances
    assert abs(scores.mean() - published) < 3 * error + 0.5 * 10**-decimals


@pytest.mark.parametrize(
    ("player", "arms", "pulls", "published"),
    [
        (bandits.random, 5, 10, 5.0),
        (bandits.greedy, 5, 10, 6.6),
        (bandits.thompson, 5, 10, 5.7),
        (bandits.ucb1, 5, 10, 6.7),
        (bandits.Gittins(10), 5, 10, 6.6),
        (bandits.thompson, 10, 10, 5.5),
        (bandits.ucb1, 10, 10, 6.7),
        (bandits.ucb1, 10, 100, 82.4),
        (bandits.thompson, 10, 100, 76.7),
    ],
)
def test_players_of_bandits_earn_what_was_published(player, arms, pulls, published):
    assert_published(bandits.play(player, arms, pulls, instances=4000 if pulls == 10 else 1000), published, 1)


def test_the_gittins_index_is_the_exact_one_of_few_pulls():
    index = bandits.Gittins(2)
    one, two = np.array([[1.0, 2.0]]), np.array([[1.0, 1.0]])
    rng = np.random.default_rng(0)
    # one pull: the posterior mean; two: lambda = (p + p q1) / (1 + p), with p = 1/2 and q1 = 2/3
    np.testing.assert_allclose(index(one, two, 1, rng), [[1 / 2, 2 / 3]], atol=1 / bandits.GITTINS_GRID)
    np.testing.assert_allclose(index(one, two, 2, rng)[0, 0], 5 / 9, atol=1 / bandits.GITTINS_GRID)


def test_the_best_arm_is_the_largest_of_uniform_numbers():
    np.testing.assert_allclose(bandits.best_arm(5, 10, 20_000).mean(), 10 * 5 / 6, atol=0.05)


@pytest.mark.parametrize(("player", "episodes", "published"), [(None, 10, 100.1), (mdps.psrl, 10, 138.1)])
def test_players_of_mdps_earn_what_was_published(player, episodes, published):
    assert_published(mdps.play(player, episodes, instances=400), published, 1)


def test_plans_are_best_by_exhaustion():
    rng = np.random.default_rng(0)
    tables = np.concatenate([rng.dirichlet(np.ones(2), (3, 2, 2)), rng.normal(size=(3, 2, 2, 1))], axis=-1)
    _, values = mdps.plan(tables, 3)

    def best(instance, state, left):
        if left == 0:
            return 0.0
        return max(
            row[-1] + sum(p * best(instance, following, left - 1) for following, p in enumerate(row[:-1]))
            for row in tables[instance, state]
        )

    np.testing.assert_allclose(values, [best(instance, 0, 3) for instance in range(3)])


def test_who_knows_the_mdp_earns_more_than_the_best_action_of_each_step_alone():
    best_of_five = 1.163  # mean of the largest of five standard normal numbers
    assert mdps.value_iteration(1, 2000).mean() > 10 * (1 + best_of_five)


@pytest.mark.parametrize(("script", "size", "rows"), [(bandits, "pulls", 6), (mdps, "episodes", 4)])
def test_scores_are_printed_as_csv(script, size, rows, capsys):
    script.main([f"--{size}", "2", "--instances", "30"])
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == rows + 1
    assert len({len(line.split(",")) for line in lines}) == 1
