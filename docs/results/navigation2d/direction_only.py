"""Best return of 2D navigation for a policy that knows each goal's direction but not its distance.

It goes equally far for every task, with a little noise, and stays there:

    python docs/results/navigation2d/direction_only.py
"""

import numpy as np

from mamlrl.envs.navigation import Navigation2DVectorEnv

NOISE = 0.02  # standard deviation of a step's displacement; less or more noise gives lower returns


def mean_return(env: Navigation2DVectorEnv, goals: np.ndarray, distance: float) -> float:
    """Average return over goals, shape (n, 2), of going to the point at this distance towards each."""
    rng = np.random.default_rng(0)
    targets = distance * goals / np.linalg.norm(goals, axis=1, keepdims=True)
    env.set_tasks(goals)
    positions, _ = env.reset()
    returns = np.zeros(len(goals))
    for _ in range(env.horizon):
        steps = np.clip(targets - positions, -0.1, 0.1) + NOISE * rng.standard_normal(goals.shape)
        positions, rewards, *_ = env.step(steps)
        returns += rewards
    return float(returns.mean())


def best_return(number: int) -> tuple[float, float, float]:
    """Best mean return over held-out tasks, the distance that gives it, and the goals' mean distance."""
    env = Navigation2DVectorEnv(number)
    goals = env.sample_tasks(np.random.default_rng(1000003), number)
    best = max((mean_return(env, goals, distance), distance) for distance in np.arange(0.3, 0.56, 0.01))
    return *best, float(np.linalg.norm(goals, axis=1).mean())


def main() -> None:
    """Prints the best return on the 40 tasks of the table, and on more."""
    for number in (40, 1000):
        best, distance, mean_distance = best_return(number)
        print(
            f"{number} held-out tasks, mean distance {mean_distance:.3f}: "
            f"best return {best:.2f}, going {distance:.2f} far"
        )


if __name__ == "__main__":
    main()
