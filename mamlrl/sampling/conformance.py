"""What `TaskEnv` promises, checked: the same for our families and for anybody's environment."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from mamlrl.envs import TaskEnv
from mamlrl.envs.arrays import Array, on_host
from mamlrl.errors import UserError, one_line
from mamlrl.sampling.checked_env import CheckedEnv
from mamlrl.settings.choices import shown

LATER = 3  # steps after the horizon


class Episodes(NamedTuple):
    """Episodes of all sub-environments, and what comes after them; the leading axis is time.

    Attributes:
        observations: Of the reset and of each step, shape (steps + 1, num_envs, ...).
        rewards: Shape (steps, num_envs).
        terminated: Shape (steps, num_envs).
        truncated: Shape (steps, num_envs).
    """

    observations: NDArray[np.float64]
    rewards: NDArray[np.float64]
    terminated: NDArray[np.bool_]
    truncated: NDArray[np.bool_]

    @property
    def over(self) -> NDArray[np.bool_]:
        """Whether each episode is over after each step, shape (steps, num_envs)."""
        return self.terminated | self.truncated

    def differ(self, other: Episodes, where: NDArray[np.bool_]) -> bool:
        """Returns whether sub-environments differ from those of other episodes."""
        pairs = zip(self, other, strict=True)
        return any(not np.array_equal(one[:, where], two[:, where], equal_nan=True) for one, two in pairs)


def _actions(env: TaskEnv, seed: int = 0) -> list[NDArray[np.float64]]:
    env.action_space.seed(seed)
    return [np.asarray(env.action_space.sample()) for _ in range(env.horizon + LATER)]


def _given(env: TaskEnv, actions: NDArray[np.float64]) -> Array:
    """Returns a copy of actions as an array of the environment's device."""
    return env.xp.asarray(actions, device=env.device, copy=True)


def _record(env: TaskEnv, actions: list[NDArray[np.float64]], seed: int = 0) -> Episodes:
    """Runs episodes of tasks that are always the same ones."""
    checked = CheckedEnv(env)
    checked.set_tasks(checked.sample_tasks(np.random.default_rng(0), env.num_envs))
    start = on_host(checked.reset(seed))
    steps = (map(on_host, checked.step(_given(env, action))) for action in actions)
    observations, *others = zip(*steps, strict=True)
    return Episodes(np.stack([start, *observations]), *(np.stack(part) for part in others))


def _expect(holds: bool | np.bool_, problem: str) -> None:
    if not holds:
        raise UserError(problem)


def _tasks_are_drawn(env: TaskEnv) -> None:
    for method in ("sample_tasks", "sample_test_tasks"):
        sample = getattr(CheckedEnv(env), method)
        first, again = (sample(np.random.default_rng(seed), 20) for seed in (0, 0))
        _expect(np.array_equal(first, again), f"{method} draws other tasks from a generator of the same seed")
        for task in first:
            inside = env.task_space.contains(task.astype(env.task_space.dtype))
            _expect(inside, f"{method} drew {shown(task.tolist())}, which is not in {env.task_space}")


def _tasks_are_set(env: TaskEnv) -> None:
    tasks = CheckedEnv(env).sample_tasks(np.random.default_rng(1), env.num_envs)
    for count in (1, env.num_envs):
        env.set_tasks(tasks[:count].copy())
        env.reset(seed=0)
        expected = np.repeat(tasks[:count], env.num_envs // count, axis=0)
        _expect(
            np.array_equal(on_host(env.tasks), expected), f"set_tasks and reset left the tasks {shown(env.tasks)}"
        )


def _unfit_tasks_are_refused(env: TaskEnv) -> None:
    tasks = CheckedEnv(env).sample_tasks(np.random.default_rng(1), env.num_envs)
    for unfit in (tasks[None], tasks[:0], np.full_like(tasks, np.nan)):
        try:
            env.set_tasks(unfit)
        except ValueError:
            continue
        raise UserError(f"set_tasks took {shown(unfit.tolist())}; it must raise a ValueError")


def _numbers_are_finite(env: TaskEnv) -> None:
    episodes = _record(env, _actions(env))
    _expect(np.isfinite(episodes.observations).all(), "an observation is not finite")
    _expect(np.isfinite(episodes.rewards).all(), "a reward is not finite")


def _the_horizon_ends_episodes(env: TaskEnv) -> None:
    episodes = _record(env, _actions(env))
    first = episodes.over.argmax(axis=0) + 1
    _expect(episodes.over.any(axis=0).all(), f"an episode goes on after its horizon, {env.horizon}")
    _expect(
        (first <= env.horizon).all(), f"an episode goes on for {first.max()} steps; the horizon is {env.horizon}"
    )
    _expect(env.horizon == 1 or (first > 1).any(), "every episode ends in its first step")


def _finished_episodes_rest(env: TaskEnv) -> None:
    episodes = _record(env, _actions(env))
    over = episodes.over
    _expect((over[:-1] <= over[1:]).all(), "an episode that was over goes on")
    _expect(not episodes.rewards[1:][over[:-1]].any(), "an episode that is over earns rewards; they must be 0")
    before, after = episodes.observations[1:-1][over[:-1]], episodes.observations[2:][over[:-1]]
    _expect(np.array_equal(before, after), "an episode that is over changes its observation")


def _a_seed_determines_episodes(env: TaskEnv) -> None:
    actions, everywhere = _actions(env), np.ones(env.num_envs, dtype=np.bool_)
    first = _record(env, actions)
    _record(env, _actions(env, seed=1), seed=1)  # leaves traces, if anything does
    _expect(
        not first.differ(_record(env, actions), everywhere), "the same seed, tasks and actions give other episodes"
    )


def _episodes_are_independent(env: TaskEnv) -> None:
    actions, kept = _actions(env), np.arange(env.num_envs) % 2 == 0
    others = [other.copy() for other in _actions(env, seed=1)]
    for other, action in zip(others, actions, strict=True):
        other[kept] = action[kept]
    differ = _record(env, actions).differ(_record(env, others), kept)
    _expect(not differ, "actions of one sub-environment change the episodes of another")


def _masks_restart(env: TaskEnv) -> None:
    actions, chosen = _actions(env), np.arange(env.num_envs) == 0
    before = _record(env, actions)
    after = np.asarray(on_host(env.reset(options={"reset_mask": chosen})[0]), dtype=np.float64)
    unchanged = np.array_equal(after[~chosen], before.observations[-1][~chosen])
    _expect(unchanged, "reset changes who is not in its mask")
    terminated, truncated = (on_host(part) for part in env.step(_given(env, actions[0]))[2:4])
    _expect((terminated | truncated)[~chosen].all(), "reset restarts who is not in its mask")
    _expect(not truncated[chosen].any() or env.horizon == 1, "reset does not restart who is in its mask")


CHECKS: dict[str, Callable[[TaskEnv], None]] = {
    "a generator determines tasks, which lie in the task space": _tasks_are_drawn,
    "tasks are set for equal groups, and kept": _tasks_are_set,
    "unfit tasks are refused": _unfit_tasks_are_refused,
    "observations and rewards are of the right shape, and finite": _numbers_are_finite,
    "episodes end, at the horizon at the latest": _the_horizon_ends_episodes,
    "episodes that are over rest": _finished_episodes_rest,
    "a seed determines episodes": _a_seed_determines_episodes,
    "sub-environments are independent": _episodes_are_independent,
    "a mask restarts some episodes alone": _masks_restart,
}


def problem_of(promise: str, env: TaskEnv) -> str | None:
    """Returns in one line what is wrong with a promise of `CHECKS`, None if it is kept."""
    try:
        CHECKS[promise](env)
    except UserError as error:
        return str(error)
    except Exception as error:  # in a method that no check calls through `CheckedEnv`
        return one_line(error)
    return None


def check_task_env(env: TaskEnv) -> None:
    """Checks that an environment keeps what `TaskEnv` promises; it is closed by whoever made it.

    Args:
        env: The environment, with 2 sub-environments at least.

    Raises:
        UserError: If it is no task environment, or breaks a promise; the message says which, and how.

    Example:
        >>> from mamlrl.envs.navigation import Navigation2DVectorEnv
        >>> check_task_env(Navigation2DVectorEnv(num_envs=4))
    """
    if not isinstance(env, TaskEnv):
        raise UserError(f"env must be a task environment, such as mamlrl.task_env makes, got {shown(env)}")
    if env.num_envs < 2:
        raise UserError("env must have 2 sub-environments at least; they could influence each other")
    for promise in CHECKS:
        problem = problem_of(promise, env)
        if problem is not None:
            raise UserError(f"environment {CheckedEnv(env).name} breaks the promise that {promise}: {problem}")
