"""Plays random tabular MDPs with strategies whose scores are published, as a check of the environment.

    python docs/results/mdps/players.py --episodes 10

Scores are total rewards over a trial of n episodes, with standard errors over instances; Duan et al. 2016,
Table 2, has those of `random`, `greedy` and `psrl`. `value_iteration` knows the MDP.
"""

from __future__ import annotations

import argparse
import csv
import sys
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from mamlrl.envs.mdps import TabularMDPVectorEnv

Tables = NDArray[np.float64]  # transitions and mean rewards, shape (instance, state, action, state + 1)
Player = Callable[["Posterior", np.random.Generator], Tables]


class Posterior:
    """What is known of many MDPs: counts of transitions, and mean rewards.

    The prior is the flat Dirichlet distribution, and a normal one of standard deviation 1 with a mean of 0, as in
    TabulaRL (Osband), with which players have the published scores; tasks are drawn with a mean of 1.

    Args:
        instances: Number of MDPs.
        states: Number of states.
        actions: Number of actions.
    """

    def __init__(self, instances: int, states: int, actions: int) -> None:
        self.counts = np.ones((instances, states, actions, states))
        self.visits = np.zeros((instances, states, actions))
        self.sums = np.zeros((instances, states, actions))  # of rewards

    def observe(
        self,
        states: NDArray[np.int64],
        actions: NDArray[np.int64],
        rewards: NDArray[np.float64],
        following: NDArray[np.int64],
    ) -> None:
        """Takes one step of every MDP into account, each argument of shape (instance,)."""
        where = (np.arange(len(states)), states, actions)
        self.counts[(*where, following)] += 1
        self.visits[where] += 1
        self.sums[where] += rewards


def psrl(posterior: Posterior, rng: np.random.Generator) -> Tables:
    """Samples MDPs from the posterior (Osband et al. 2013)."""
    gammas = rng.standard_gamma(posterior.counts)
    precision = 1 + posterior.visits
    means = posterior.sums / precision + rng.standard_normal(precision.shape) / np.sqrt(precision)
    return np.concatenate([gammas / gammas.sum(axis=-1, keepdims=True), means[..., None]], axis=-1)


def greedy(posterior: Posterior, rng: np.random.Generator) -> Tables:
    """Takes the posterior's mean for the truth."""
    means = posterior.sums / (1 + posterior.visits)
    transitions = posterior.counts / posterior.counts.sum(axis=-1, keepdims=True)
    return np.concatenate([transitions, means[..., None]], axis=-1)


def plan(tables: Tables, horizon: int) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Finds the best actions by value iteration.

    Args:
        tables: The MDPs.
        horizon: Steps of an episode.

    Returns:
        The best actions, shape (horizon, instance, state), and the value of state 0 at first, (instance,).
    """
    values = np.zeros(tables.shape[:2])
    actions = []
    for _ in range(horizon):
        returns = tables[..., -1] + np.einsum("isat,it->isa", tables[..., :-1], values)
        actions.append(returns.argmax(axis=-1))
        values = returns.max(axis=-1)
    return np.stack(actions[::-1]), values[:, 0]


def play(
    player: Player | None, episodes: int, instances: int, seed: int = 0, horizon: int = 10
) -> NDArray[np.float64]:
    """Plays a trial of several episodes in each of many MDPs, of 10 states and 5 actions.

    Args:
        player: Says before each episode what the MDPs may be, to plan with; None plays at random.
        episodes: Episodes in a trial.
        instances: Number of MDPs.
        seed: Of MDPs, rewards and player.
        horizon: Steps of an episode.

    Returns:
        Total rewards, shape (instance,).
    """
    env, rng = TabularMDPVectorEnv(instances, horizon=horizon), np.random.default_rng(seed)
    env.set_tasks(env.sample_tasks(rng, instances))
    posterior = Posterior(instances, env.states, env.actions)
    total, everyone = np.zeros(instances), np.arange(instances)
    for _ in range(episodes):
        observations, _ = env.reset(seed=int(rng.integers(2**31)))
        actions = rng.integers(env.actions, size=(horizon, instances, env.states))
        if player is not None:
            actions, _ = plan(player(posterior, rng), horizon)
        for planned in actions:
            states = observations.argmax(axis=1)
            chosen = planned[everyone, states]
            observations, rewards, *_ = env.step(chosen)
            posterior.observe(states, chosen, rewards, observations.argmax(axis=1))
            total += rewards
    return total


def value_iteration(episodes: int, instances: int, seed: int = 0, horizon: int = 10) -> NDArray[np.float64]:
    """Returns what who knows the MDP would earn on average, shape (instance,)."""
    env = TabularMDPVectorEnv(1)
    tables = env.tables(env.sample_tasks(np.random.default_rng(seed), instances))
    return episodes * plan(tables, horizon)[1]


def main(arguments: Sequence[str] | None = None) -> None:
    """Prints the scores as CSV."""
    parser = argparse.ArgumentParser(description=__doc__)
    for name, default in (("episodes", 10), ("instances", 4000), ("seed", 0)):
        parser.add_argument(f"--{name}", type=int, default=default)
    options = parser.parse_args(arguments)
    size = (options.episodes, options.instances, options.seed)
    players: dict[str, Player | None] = {"random": None, "greedy": greedy, "psrl": psrl}
    scores = {name: play(player, *size) for name, player in players.items()}
    scores["value_iteration"] = value_iteration(*size)
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(["episodes", "player", "score", "standard_error", "fraction_of_value_iteration"])
    for name, score in scores.items():
        error = score.std(ddof=1) / len(score) ** 0.5
        fraction = score.mean() / scores["value_iteration"].mean()
        writer.writerow([options.episodes, name, f"{score.mean():.2f}", f"{error:.2f}", f"{fraction:.3f}"])


if __name__ == "__main__":
    main()
