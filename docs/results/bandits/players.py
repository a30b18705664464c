"""Plays bandits with strategies whose scores are published, as a check of the environment.

    python docs/results/bandits/players.py --arms 5 --pulls 10

Scores are total rewards over a trial of n pulls, with standard errors over instances; Duan et al. 2016, Table 1,
has those of all players but `best_arm`. Statistics of an arm start with one success and one failure.
"""

from __future__ import annotations

import argparse
import csv
import sys
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from mamlrl.envs.bandits import BanditVectorEnv

UCB_WEIGHT = 0.2  # the paper tunes it
GITTINS_GRID = 400  # rewards for certain that pulling is compared with

Counts = NDArray[np.float64]  # successes, or failures, of each arm, shape (instance, arm); 1 at first
Player = Callable[[Counts, Counts, int, np.random.Generator], NDArray[np.float64]]


def random(successes: Counts, failures: Counts, left: int, rng: np.random.Generator) -> NDArray[np.float64]:
    """Values all arms the same."""
    return np.zeros(successes.shape)


def greedy(successes: Counts, failures: Counts, left: int, rng: np.random.Generator) -> NDArray[np.float64]:
    """Values arms by their posterior mean."""
    return successes / (successes + failures)


def ucb1(successes: Counts, failures: Counts, left: int, rng: np.random.Generator) -> NDArray[np.float64]:
    """Adds an upper confidence bound (Auer et al. 2002), times a weight."""
    count = successes + failures
    total = count.sum(axis=1, keepdims=True)
    return successes / count + UCB_WEIGHT * np.sqrt(2 * np.log(total) / count)


def thompson(successes: Counts, failures: Counts, left: int, rng: np.random.Generator) -> NDArray[np.float64]:
    """Values arms by a sample of the posterior (Thompson 1933)."""
    return rng.beta(successes, failures)


class Gittins:
    """Values arms by the Gittins index of the pulls that are left, without discount.

    The index is the sure reward for each pull that is worth as much as the arm and the choice to leave it later,
    found on a grid by dynamic programming.

    Args:
        pulls: Pulls in a trial.
    """

    def __init__(self, pulls: int) -> None:
        rewards = (np.arange(GITTINS_GRID) + 0.5)[:, None, None] / GITTINS_GRID
        counts = np.arange(1, pulls + 2)
        mean = counts[:, None] / (counts[:, None] + counts)  # by successes and failures
        following = np.zeros((GITTINS_GRID, pulls + 2, pulls + 2))
        self._index = np.zeros((pulls + 1, pulls + 1, pulls + 1))
        for left in range(1, pulls + 1):
            value = mean - rewards + mean * following[:, 1:, :-1] + (1 - mean) * following[:, :-1, 1:]
            self._index[left] = (value >= 0).mean(axis=0)
            following[:, :-1, :-1] = np.maximum(value, 0)

    def __call__(
        self, successes: Counts, failures: Counts, left: int, rng: np.random.Generator
    ) -> NDArray[np.float64]:
        """Looks the indices up."""
        return self._index[left, successes.astype(int) - 1, failures.astype(int) - 1]


def play(player: Player, arms: int, pulls: int, instances: int, seed: int = 0) -> NDArray[np.float64]:
    """Plays a trial of `pulls` pulls in each of many bandits, ties broken at random.

    Args:
        player: Values the arms, of which the best is pulled.
        arms: Number of arms.
        pulls: Pulls in a trial.
        instances: Number of bandits.
        seed: Of bandits, rewards and player.

    Returns:
        Total rewards, shape (instance,).
    """
    env, rng = BanditVectorEnv(instances, arms=arms, horizon=pulls), np.random.default_rng(seed)
    env.set_tasks(env.sample_tasks(rng, instances))
    env.reset(seed=int(rng.integers(2**31)))  # not the seed of the bandits, whose numbers rewards would repeat
    successes, failures = np.ones((instances, arms)), np.ones((instances, arms))
    total = np.zeros(instances)
    for pull in range(pulls):
        values = player(successes, failures, pulls - pull, rng)
        ties = rng.random(values.shape) * (values == values.max(axis=1, keepdims=True))
        actions = ties.argmax(axis=1)
        _, rewards, *_ = env.step(actions)
        successes[np.arange(instances), actions] += rewards
        failures[np.arange(instances), actions] += 1 - rewards
        total += rewards
    return total


def best_arm(arms: int, pulls: int, instances: int, seed: int = 0) -> NDArray[np.float64]:
    """Returns what the best arm earns on average, shape (instance,): the most that anybody could expect."""
    tasks = BanditVectorEnv(1, arms=arms).sample_tasks(np.random.default_rng(seed), instances)
    return pulls * tasks.max(axis=1)


def main(arguments: Sequence[str] | None = None) -> None:
    """Prints the scores as CSV."""
    parser = argparse.ArgumentParser(description=__doc__)
    for name, default in (("arms", 5), ("pulls", 10), ("instances", 10_000), ("seed", 0)):
        parser.add_argument(f"--{name}", type=int, default=default)
    options = parser.parse_args(arguments)
    players = {"random": random, "greedy": greedy, "thompson": thompson, "ucb1": ucb1}
    players["gittins"] = Gittins(options.pulls)
    size = (options.arms, options.pulls, options.instances, options.seed)
    scores = {name: play(player, *size) for name, player in players.items()}
    scores["best_arm"] = best_arm(*size)
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(["arms", "pulls", "player", "score", "standard_error"])
    for name, score in scores.items():
        error = score.std(ddof=1) / len(score) ** 0.5
        writer.writerow([options.arms, options.pulls, name, f"{score.mean():.3f}", f"{error:.3f}"])


if __name__ == "__main__":
    main()
